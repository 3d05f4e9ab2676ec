"""The look of each minute: what is seen is stored, judged, and answered."""

from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime
from functools import partial
from typing import Any

from dbops.readings import Reading
from dbops.services import alarming, health, observing, responding, scaling


def watch(now: datetime) -> None:
    """Look at the database, open and resolve alerts, and have the pool follow its load.

    What one part meets holds up no other: all are tried before an error is raised.
    """
    parts: list[Callable[[], Any]] = [scaling.reconcile, partial(_look, now)]
    _each(parts)


def _look(now: datetime) -> None:
    reading = observing.observe(now, judge=partial(health.health, now=now))
    _each([partial(_answer, reading, now), partial(scaling.evaluate, reading.pool, now)])


def _answer(reading: Reading, now: datetime) -> None:
    """Open and resolve alerts, and do about the worst what can be done."""
    responding.respond(alarming.look(now, reading), reading, now)


def _each(parts: list[Callable[[], Any]]) -> None:
    with ExitStack() as stack:
        # Called in their order, each whatever the one before met.
        for part in reversed(parts):
            stack.callback(part)
