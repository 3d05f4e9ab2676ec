"""Looks at the database: live, and once a minute for the record."""

import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime

from dbops import deltas
from dbops.catalogue import activity, counters, sizes, statements
from dbops.catalogue.activity import Activity
from dbops.catalogue.glance import NoAnswerError, glance
from dbops.models import Observation
from dbops.pool import choice
from dbops.pool.base import Pool, PoolError
from dbops.readings import Health, PoolReading, Queries, Reading, Size
from dbops.services import recording, remembering
from dbops.services.recording import Seen
from dbops.services.remembering import Remembered

logger = logging.getLogger(__name__)

TRIES = 3


def look(now: datetime, *, pool: Pool | None = None) -> Reading:
    """Look at the database and its pool, and store nothing. Raises: NoAnswerError."""
    return _see(now, pool).reading


def observe(
    now: datetime, *, pool: Pool | None = None, judge: Callable[[Reading], Health] | None = None
) -> Reading:
    """Look, and store it as the observation of the minute, unless there is one.

    `judge` tells the health that is stored with it. Raises: NoAnswerError.
    """
    seen = _see(now, pool)
    recording.store(seen, judge(seen.reading) if judge else None)
    return seen.reading


def latest() -> Observation | None:
    """Return the newest observation."""
    return Observation.objects.first()


def _see(now: datetime, pool: Pool | None) -> Seen:
    pool_reading, pool_reason = _read(pool or choice.chosen())
    before = remembering.remembered()
    asked = _asked(before)
    doing, totals, called = asked.doing, asked.totals, asked.called
    counted = deltas.counted(now, totals, before.counters)
    changes, reason = _changes(now, called, before)
    reading = Reading(
        at=now,
        pool=pool_reading,
        connections=doing.connections,
        blocking=doing.blocking,
        counters=counted,
        cache_hit=deltas.hit_share(counted),
        queries=_queries(now, doing, called, changes, reason),
        size=_grown(now, asked.size),
        took_ms=asked.took_ms,
        pool_reason=pool_reason,
    )
    return Seen(reading, totals, called, changes, before)


def _read(pool: Pool) -> tuple[PoolReading | None, str]:
    """Look at the pool; one that does not answer keeps nobody from looking at the database."""
    try:
        return pool.read(), ""
    except PoolError as error:
        logger.warning("The pool cannot be looked at: %s", error)
        return None, str(error)


def _asked(before: Remembered) -> "_Asked":
    """Ask the catalogue. A busy server has more than one chance, each as short. Raises: NoAnswerError."""
    for _ in range(TRIES - 1):
        with suppress(NoAnswerError):
            return _glanced(before)
    return _glanced(before)


def _glanced(before: Remembered) -> "_Asked":
    with glance() as looking:
        doing = activity.read(looking)
        totals = counters.read(looking)
        called = statements.read(looking, before.statements.keys())
        size = sizes.read(looking)
    return _Asked(doing, totals, called, size, looking.took_ms)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the catalogue answered in one transaction."""

    doing: Activity
    totals: counters.Totals
    called: statements.Totals
    size: Size
    took_ms: float


def _changes(
    now: datetime, called: statements.Totals, before: Remembered
) -> tuple[deltas.CallsAndMs | None, str]:
    """Return what was called since the look before; nothing, and why, where that cannot be told."""
    if not called.is_known:
        return None, called.reason
    if before.statements_at is None:
        return None, deltas.FIRST
    if called.since != before.statements_since:
        return None, deltas.RESET
    if now - before.statements_at > deltas.LONGEST:
        return None, deltas.LONG_AGO
    return deltas.added(called.calls_and_ms, before.statements), called.reason


def _queries(
    now: datetime,
    doing: Activity,
    called: statements.Totals,
    changes: deltas.CallsAndMs | None,
    reason: str,
) -> Queries:
    if changes is None:
        return replace(deltas.unknown_queries(reason, doing.running_s), running=doing.running)
    texts = {**remembering.texts(changes.keys() - called.texts.keys()), **called.texts}
    found = deltas.queries(changes, texts, doing.running_s)
    slower = remembering.slower_statements(now)
    return replace(found, regressions=slower, reason=reason, running=doing.running)


def _grown(now: datetime, size: Size) -> Size:
    growth, reason = remembering.growth(now, size.database_bytes)
    reasons = " ".join(filter(None, (size.reason, reason)))
    return replace(size, growth_bytes_a_day=growth, reason=reasons)
