"""The look of each minute: what is seen is stored, judged, and answered."""

from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime
from functools import partial
from typing import Any

from dbops.readings import Reading
from dbops.services import alarming, anticipating, health, observing, scaling


def watch(now: datetime) -> None:
    """Look at the database, open and resolve alerts, and have the pool follow its load.

    What one part meets holds up no other: all are tried before an error is raised.
    """
    _each([scaling.reconcile, partial(_look, now)])


def _look(now: datetime) -> None:
    reading = observing.observe(now, judge=partial(health.health, now=now))
    # A pool that is used up grows to its maximum here, whatever the alerts say.
    _each([partial(scaling.evaluate, reading.pool, now), partial(_answer, reading, now)])


def _answer(reading: Reading, now: datetime) -> None:
    """Open and resolve alerts; while one holds, the next hour is prepared for at once."""
    if alarming.look(now, reading) is not None:
        anticipating.anticipate(now)


def _each(parts: list[Callable[[], Any]]) -> None:
    with ExitStack() as stack:
        # Called in their order, each whatever the one before met.
        for part in reversed(parts):
            stack.callback(part)
