"""The Celery application; every option is a CELERY_ setting."""

import gc
import os
from typing import Any

from celery import Celery
from celery.signals import worker_ready

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cloudintel_project.settings")

app = Celery("cloudintel")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@worker_ready.connect
def settle_heap(**_signal: Any) -> None:
    """Take what start-up left behind out of garbage collection.

    Bulk writes make many small tuples; each full collection they cause would walk every module again,
    which took a tenth off the ingest rate.
    """
    gc.collect()
    gc.freeze()
