"""The Django project: settings, processes and the command that starts them all."""

from cloudintel_project import heap

heap.collect_seldom()

from cloudintel_project.celery import app as celery_app  # noqa: E402  # all that is imported with it

__all__ = ["celery_app"]
