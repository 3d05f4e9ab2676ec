"""The broker: it only carries the ids of runs and steps, and may lose them."""

import logging

from kombu.exceptions import OperationalError

from cloudintel_project.celery import app
from pipelines.models import Run, Step

logger = logging.getLogger(__name__)

# A step that took its worker down with it is done alone, in a process of its own.
ALONE = "alone"


def send_run(run: Run) -> bool:
    """Tell the workers to plan a run; False, with a warning in the log, while the broker is away."""
    return _send("pipelines.tasks.plan_run", run)


def send_step(step: Step) -> bool:
    """Tell the workers to do a step; False, with a warning in the log, while the broker is away."""
    return _send("pipelines.tasks.execute_step", step, queue=ALONE if step.lost_workers else None)


def _send(task: str, work: Run | Step, queue: str | None = None) -> bool:
    try:
        app.send_task(task, args=[work.pk], queue=queue)
    except OperationalError as error:
        logger.warning("%s stays queued in the ledger, the broker cannot be reached: %s", work, error)
        return False
    return True
