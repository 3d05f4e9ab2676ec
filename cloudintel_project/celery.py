"""The Celery application; every option is a CELERY_ setting."""

import os
from typing import Any

from celery import Celery
from celery.signals import setup_logging, worker_ready
from django.dispatch import receiver
from django_structlog.celery.receivers import CeleryReceiver
from django_structlog.celery.signals import modify_context_before_task_publish

from cloudintel_project import heap

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cloudintel_project.settings")

app = Celery("cloudintel")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()

# Messages carry who asked for what they order; tasks log that, and their own id.
_PASSED_ON = {"request_id", "user_id", "ip", "parent_task_id"}
_log_context = CeleryReceiver()
_log_context.connect_worker_signals()


@receiver(modify_context_before_task_publish)
def keep_own_context(context: dict[str, Any], **_signal: Any) -> None:
    """Leave out what is bound to the sender alone, such as the run that lets the next one begin."""
    for name in context.keys() - _PASSED_ON:
        del context[name]


@setup_logging.connect
def keep_logging(**_signal: Any) -> None:
    """Have Celery's processes log as Django's LOGGING says, by being there: Celery then adds nothing."""


@worker_ready.connect
def settle_heap(**_signal: Any) -> None:
    """Leave what the start has loaded out of garbage collection."""
    heap.settle()
