"""The Django project: settings, processes and the command that starts them all."""

import gc

# Imports make many objects and no cycles: collecting as often as usual is a tenth of a start.
gc.set_threshold(50_000, 20, 20)

from cloudintel_project.celery import app as celery_app  # noqa: E402

__all__ = ["celery_app"]
