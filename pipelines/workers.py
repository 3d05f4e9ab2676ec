"""Who works: the names of workers, and what becomes of their work when they end or come back."""

import logging
import os
import socket
import threading
from datetime import datetime, timedelta
from typing import Any

from celery.signals import (
    celeryd_init,
    worker_init,
    worker_process_init,
    worker_ready,
    worker_shutdown,
    worker_shutting_down,
)
from django.db import OperationalError, connection

from pipelines import repair
from pipelines.later import later
from pipelines.models import Worker
from pipelines.presence import presence

logger = logging.getLogger(__name__)

FINISH_S = 4.0
"""How long a worker that was asked to end may go on with what it is doing."""
SEEN_WITHIN = timedelta(seconds=60)
"""How lately a worker has to have said that it is there: four times as long as between two signs of life."""

_node = socket.gethostname()


def name() -> str:
    """Return the name of this thread: its Celery node, its process, and itself."""
    return f"{_node}/{os.getpid()}/{threading.current_thread().name}"


def alive(now: datetime) -> list[Worker]:
    """Return the workers that are there."""
    return list(Worker.objects.filter(seen_at__gte=now - SEEN_WITHIN))


@celeryd_init.connect
def take_name(sender: str, **_signal: Any) -> None:
    """Take over the node's name before any process is forked off."""
    global _node  # noqa: PLW0603 - a process is one node for all its life
    _node = sender


@worker_init.connect
def inherit(**_signal: Any) -> None:
    """Take over what a worker of this name held: there is one of a name at a time, so that one is gone.

    That is before any task is taken. Where the database is away, the leases run out.
    """
    try:
        repair.take_over_from(_node)
    except OperationalError as error:
        logger.warning("what %s left behind waits for its lease: %s", _node, error)
    finally:
        # Processes that are forked off must not share it.
        connection.close()


@worker_init.connect
@worker_process_init.connect
def begin(**_signal: Any) -> None:
    """Start the thread for what is to be done later, in the worker and in each process below it."""
    later.begin()


@worker_shutting_down.connect
def give_back(**_signal: Any) -> None:
    """Give back what is not finished in time: the worker waits for its tasks, but nobody for the worker."""
    later.do(lambda: repair.give_back(_node), after_s=FINISH_S)


@worker_ready.connect
def appear(sender: Any, **_signal: Any) -> None:
    """Have it known that this worker is there; it is ready again each time the broker comes back."""
    controller = sender.controller
    queues = sorted(controller.app.amqp.queues.consume_from)
    presence.begin(
        Worker(
            name=_node,
            host=socket.gethostname()[:100],
            pid=os.getpid(),
            queues=queues,
            slots=controller.concurrency,
        )
    )


@worker_shutdown.connect
def leave(**_signal: Any) -> None:
    """Have it known that this worker is not there any more."""
    presence.end()
