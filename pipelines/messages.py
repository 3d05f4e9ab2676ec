"""The broker: it only carries the ids of runs, and may lose them."""

import logging

from kombu.exceptions import OperationalError

from cloudintel_project.celery import app
from pipelines.models import Run

logger = logging.getLogger(__name__)


def send(run: Run) -> bool:
    """Tell the workers of a run; False, with a warning in the log, while the broker is away."""
    try:
        app.send_task("pipelines.tasks.execute_run", args=[run.pk])
    except OperationalError as error:
        logger.warning("%s stays queued in the ledger, the broker cannot be reached: %s", run, error)
        return False
    return True
