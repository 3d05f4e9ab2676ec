"""The broker: it only carries the ids of runs and steps, and may lose them."""

import logging

import redis
from kombu.exceptions import OperationalError

from cloudintel_project.celery import app
from core import valkey
from pipelines.models import Run, Step

logger = logging.getLogger(__name__)

USUAL = "aws"
# What took a worker down with it is done alone, in a process of its own.
ALONE = "alone"


def queue_of(work: Run | Step) -> str:
    """Return the queue in which workers are told of the work."""
    return ALONE if work.lost_workers else USUAL


def send(work: Run | Step) -> bool:
    """Tell the workers to plan a run or to do a step; False, with a warning, while the broker is away."""
    task = "pipelines.tasks.plan_run" if isinstance(work, Run) else "pipelines.tasks.execute_step"
    try:
        app.send_task(task, args=[work.pk], queue=queue_of(work))
    except OperationalError as error:
        logger.warning("%s stays queued in the ledger, the broker cannot be reached: %s", work, error)
        return False
    return True


def waiting(queue: str) -> int | None:
    """Return how many messages of a queue no worker has taken yet; None while the broker is away."""
    try:
        return int(valkey.client().llen(queue))
    except redis.RedisError as error:
        logger.warning("the broker cannot be reached: %s", error)
        return None
