"""The Django project: settings, processes and the command that starts them all."""

from cloudintel_project.celery import app as celery_app

__all__ = ["celery_app"]
