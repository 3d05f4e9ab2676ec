"""The WSGI entry point that the web server loads, once, before it starts its processes."""

import os
from pathlib import Path

from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver

from cloudintel_project import heap, home


def _empty_metrics_folder() -> Path:
    """Return the folder in which the web processes count together, without an earlier start's counts."""
    folder = home.make_folder(home.home() / "run" / "metrics")
    for counts in folder.glob("*.db"):
        counts.unlink()
    return folder


os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cloudintel_project.settings")
home.read_env_file()
# Before anything that counts is imported.
os.environ.setdefault("PROMETHEUS_MULTIPROC_DIR", str(_empty_metrics_folder()))
application = get_wsgi_application()
# Every path now, once, and not with the first request to each process.
get_resolver().url_patterns  # noqa: B018  # read for what it loads
heap.settle()
