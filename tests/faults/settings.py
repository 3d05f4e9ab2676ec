"""The settings of the harness's processes: the product's, and the pipelines that break things."""

from cloudintel_project.settings import *  # noqa: F403  # every setting is the product's
from cloudintel_project.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "tests.faults.trials"]
