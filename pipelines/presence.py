"""Says of a worker that it is there, every few seconds and from a thread of its own."""

import logging
import threading
from collections.abc import Callable
from datetime import timedelta

import psutil
from django.db import DatabaseError, InterfaceError, connection
from django.db.models.functions import Now

from pipelines.models import Worker

logger = logging.getLogger(__name__)

BEAT_S = 15.0
GONE_AFTER = timedelta(hours=1)
LEAVE_S = 2.0
"""For how long a worker that ends waits until its row is gone."""
_SAID = ("host", "pid", "queues", "slots", "cpu_percent", "started_at", "seen_at")


class Presence:
    """The row of this process's worker, as long as it is there; what the database misses, it misses."""

    def __init__(self) -> None:
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def begin(self, worker: Worker) -> None:
        """Keep the worker's row from now on; nothing more where it is kept already."""
        if self._thread is not None:
            return
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._work, args=(worker,), name="presence", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Take the row away; a database that hangs does not hold up the worker's end."""
        if self._thread is not None:
            self._over.set()
            self._thread.join(LEAVE_S)
            self._thread = None

    def _work(self, worker: Worker) -> None:
        over = self._over
        psutil.cpu_percent(None)  # what it measures begins here
        _tried(lambda: say(worker))
        while not over.wait(BEAT_S):
            worker.cpu_percent = psutil.cpu_percent(None)
            _tried(lambda: say(worker))
        _tried(Worker.objects.filter(pk=worker.pk).delete)


def _tried(what: Callable[[], object]) -> None:
    """Do it if the database is there, and keep no connection until the next time."""
    try:
        what()
    except (DatabaseError, InterfaceError) as error:
        logger.warning("the database does not learn of this worker: %s", error)
    finally:
        connection.close()


def say(worker: Worker) -> None:
    """Store that the worker is there, and take away the rows of those that have not been for an hour."""
    worker.seen_at = Now()
    Worker.objects.bulk_create([worker], update_conflicts=True, unique_fields=["name"], update_fields=_SAID)
    Worker.objects.filter(seen_at__lt=Now() - GONE_AFTER).delete()


presence = Presence()
