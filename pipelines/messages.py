"""The broker: it only carries orders, such as the ids of runs and steps, and may lose them."""

import logging
from typing import Any

import redis
from kombu.exceptions import OperationalError

from cloudintel_project.celery import app
from core import valkey
from pipelines import registry
from pipelines.models import Run, Step

logger = logging.getLogger(__name__)

# What took a worker down with it is done alone, in a process of its own.
ALONE = "alone"


def queue_of(work: Run | Step) -> str:
    """Return the queue in which workers are told of the work."""
    if work.lost_workers:
        return ALONE
    run = work if isinstance(work, Run) else work.run
    return registry.queue_of(run.pipeline)


def send(work: Run | Step) -> bool:
    """Tell the workers to plan a run or to do a step; False, with a warning, while the broker is away."""
    task = "pipelines.tasks.plan_run" if isinstance(work, Run) else "pipelines.tasks.execute_step"
    sent = order(task, work.pk, queue=queue_of(work))
    if not sent:
        logger.warning("%s stays queued in the ledger", work)
    return sent


def order(task: str, *arguments: Any, queue: str, expires_s: float | None = None) -> bool:
    """Order a task, which nobody begins after it expired; False, with a warning, while the broker is away."""
    try:
        app.send_task(task, args=arguments, queue=queue, expires=expires_s)
    except OperationalError as error:
        logger.warning("%s is not ordered, the broker cannot be reached: %s", task, error)
        return False
    return True


def waiting(queue: str) -> int | None:
    """Return how many messages of a queue no worker has taken yet; None while the broker is away."""
    try:
        return int(valkey.client().llen(queue))
    except redis.RedisError as error:
        logger.warning("the broker cannot be reached: %s", error)
        return None
