"""What a worker does a bit later, in a thread of its own: no delay takes up a slot, nor lies in the broker.

Nothing depends on it. What a process that died was to do, the repair does as well, only not as soon; so
processes that are no workers leave it to that.
"""

import heapq
import itertools
import logging
import threading
import time
from collections.abc import Callable

from django.db import DatabaseError, InterfaceError, connection

from core.errors import LeaseLostError

logger = logging.getLogger(__name__)

AGAIN_AFTER_S = 0.5
GIVE_UP_AFTER_S = 120.0

_Job = tuple[float, int, float, Callable[[], object]]
"""When it is due, its place among those due at once, when it is too late, and what it is."""


class Later:
    """A clock and a list; `begin` starts the thread, and until then nothing is done."""

    def __init__(self) -> None:
        self._jobs: list[_Job] = []
        self._numbers = itertools.count()
        self._changed = threading.Condition()
        self._begun = False

    def begin(self) -> None:
        """Start the thread of this process; what the one it was forked from was to do stays with that one.

        So does its condition, in which a thread waits that is not here: it would take the first notice.
        """
        self._jobs, self._changed, self._begun = [], threading.Condition(), True
        threading.Thread(target=self._work, name="later", daemon=True).start()

    def do(self, what: Callable[[], object], *, after_s: float = 0.0) -> None:
        """Have it done in so many seconds, and again for a while as long as the database is away."""
        now = time.monotonic()
        self._put(now + after_s, now + after_s + GIVE_UP_AFTER_S, what)

    def _put(self, due: float, too_late: float, what: Callable[[], object]) -> None:
        with self._changed:
            if self._begun:
                heapq.heappush(self._jobs, (due, next(self._numbers), too_late, what))
                self._changed.notify()

    def _next(self) -> _Job:
        with self._changed:
            while True:
                wait_s = self._jobs[0][0] - time.monotonic() if self._jobs else None
                if wait_s is not None and wait_s <= 0:
                    return heapq.heappop(self._jobs)
                self._changed.wait(wait_s)

    def _work(self) -> None:
        while True:
            _, _, too_late, what = self._next()
            self._try(what, too_late)

    def _try(self, what: Callable[[], object], too_late: float) -> None:
        try:
            what()
            connection.close()
        except LeaseLostError as lost:
            logger.info("%s", lost)
        except (DatabaseError, InterfaceError) as error:
            connection.close()
            if time.monotonic() < too_late:
                self._put(time.monotonic() + AGAIN_AFTER_S, too_late, what)
            else:
                logger.warning("left to the repair, the database is away: %s", error)
        except Exception:
            logger.exception("left to the repair")


later = Later()
