"""The look of each minute: what is seen is stored, judged, and answered."""

from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime
from functools import partial
from typing import Any

from dbops.catalogue.glance import NoAnswerError
from dbops.pool import choice
from dbops.pool.base import Pool, PoolError
from dbops.pool.once import Once
from dbops.services import alarming, anticipating, health, lapses, observing, scaling


def watch(now: datetime) -> None:
    """Look at the database, open and resolve alerts, and have the pool follow its load.

    What one part meets holds up no other: all are tried before an error is raised.
    """
    pool = Once(choice.chosen())
    _each([scaling.reconcile, partial(_size, pool, now), partial(_look, pool, now)])


def _size(pool: Pool, now: datetime) -> None:
    """Size the pool, which may be used up just because the database is too busy to be looked at."""
    try:
        reading = pool.read()
    except PoolError as error:
        lapses.pool_failed(error)
        raise
    lapses.pool_answered()
    scaling.evaluate(reading, now)


def _look(pool: Pool, now: datetime) -> None:
    """Observe, and open and resolve alerts; while one holds, the next hour is prepared for at once."""
    try:
        reading = observing.observe(now, pool=pool, judge=partial(health.health, now=now))
    except NoAnswerError as error:
        lapses.look_failed(error, now)
        raise
    lapses.look_succeeded()
    if alarming.look(now, reading) is not None:
        anticipating.anticipate(now)


def _each(parts: list[Callable[[], Any]]) -> None:
    with ExitStack() as stack:
        # Called in their order, each whatever the one before met.
        for part in reversed(parts):
            stack.callback(part)
