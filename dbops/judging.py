"""How healthy the database is: a score from 0 to 100 of named, weighted parts, each with its reason."""

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from dbops.readings import Health, Part, Reading

Curve = tuple[tuple[float, float], ...]
"""Values in rising order, each with its score; between them it is a straight line, beyond them level."""

FEWEST_BLOCKS = 1000
FEWEST_TRANSACTIONS = 20
"""Of fewer, a share says nothing."""


class Verification(Protocol):
    """The latest check of a backup that came to an end."""

    finished_at: datetime | None
    is_verified: bool


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the parts are judged from."""

    reading: Reading
    backup: Verification | None
    now: datetime


@dataclass(frozen=True, slots=True)
class Found:
    """A part's value, null where it is not known, and what there is to say of it."""

    value: float | None
    reason: str
    is_worthless: bool = False


@dataclass(frozen=True, slots=True)
class Measure:
    """A part of the score: how much it weighs, how its value is found, and what that value is worth."""

    name: str
    weight: int
    curve: Curve
    find: Callable[[Evidence], Found]


def score(value: float, curve: Curve) -> int:
    """Return what a value is worth, 0 to 100."""
    above = bisect_right([limit for limit, _ in curve], value)
    if above in (0, len(curve)):
        return round(curve[min(above, len(curve) - 1)][1])
    (x0, y0), (x1, y1) = curve[above - 1], curve[above]
    return round(y0 + (y1 - y0) * (value - x0) / (x1 - x0))


def health(reading: Reading, *, backup: Verification | None, now: datetime) -> Health:
    """Judge all parts, and weigh those that are known; less than half of the weight is no judgement."""
    evidence = Evidence(reading, backup, now)
    parts = tuple(_judged(measure, evidence) for measure in MEASURES)
    known = [(part.weight, part.score) for part in parts if part.score is not None]
    weight, whole = sum(weight for weight, _ in known), sum(part.weight for part in parts)
    if 2 * weight < whole:
        return Health(None, parts, f"Parts of {weight} of {whole} points are known; it takes half of them.")
    return Health(round(sum(weight * points for weight, points in known) / weight), parts)


def _judged(measure: Measure, evidence: Evidence) -> Part:
    found = measure.find(evidence)
    worth = None if found.value is None else score(found.value, measure.curve)
    if found.is_worthless:
        worth = 0
    return Part(measure.name, measure.weight, found.value, worth, found.reason)


# --- What the parts look at -----------------------------------------------------------------------
def _pool(evidence: Evidence) -> Found:
    pool = evidence.reading.pool
    if pool is None:
        return Found(None, evidence.reading.pool_reason)
    waiting = f", {pool.waiting:g} clients wait" if pool.waiting else ""
    return Found(pool.utilization, f"{pool.used:g} of {pool.size} connections of the pool are busy{waiting}.")


def _connections(evidence: Evidence) -> Found:
    seen = evidence.reading.connections
    if not seen.limit:
        return Found(None, "The server's limit of connections is not known.")
    return Found(seen.total / seen.limit, f"{seen.total} of the server's {seen.limit} connections are taken.")


def _response(evidence: Evidence) -> Found:
    queries = evidence.reading.queries
    if queries.response_s is None:
        return Found(None, queries.reason or "No statement was counted.")
    return Found(queries.response_s, f"The slowest answer takes {queries.response_s:.2f} s.")


def _slow(evidence: Evidence) -> Found:
    queries = evidence.reading.queries
    if queries.slow is None:
        return Found(None, queries.reason or "No statement was counted.")
    return Found(queries.slow, f"{queries.slow} slow queries since the look before.")


def _cache(evidence: Evidence) -> Found:
    counters = evidence.reading.counters
    if counters.blocks_hit is None or counters.blocks_read is None or evidence.reading.cache_hit is None:
        return Found(None, counters.reason or "The blocks were not counted.")
    blocks = counters.blocks_hit + counters.blocks_read
    if blocks < FEWEST_BLOCKS:
        return Found(None, f"Only {blocks} blocks were asked for; a share is told of {FEWEST_BLOCKS}.")
    hit = evidence.reading.cache_hit
    return Found(hit, f"{hit:.1%} of {blocks} blocks were found in memory.")


def _blocking(evidence: Evidence) -> Found:
    blocked = evidence.reading.blocking
    longest = max((each.seconds for each in blocked), default=0.0)
    told = f"{len(blocked)} sessions wait for locks, the longest for {longest:.0f} s."
    return Found(longest, told if blocked else "Nobody waits for a lock.")


def _idle_in_transaction(evidence: Evidence) -> Found:
    sessions = evidence.reading.connections.idle_in_transaction
    longest = max((each.seconds for each in sessions), default=0.0)
    told = f"{len(sessions)} sessions idle in a transaction, the longest for {longest:.0f} s."
    return Found(longest, told if sessions else "No session idles in a transaction.")


def _deadlocks(evidence: Evidence) -> Found:
    counters = evidence.reading.counters
    if counters.deadlocks is None:
        return Found(None, counters.reason or "Deadlocks were not counted.")
    return Found(counters.deadlocks, f"{counters.deadlocks} deadlocks since the look before.")


def _rollbacks(evidence: Evidence) -> Found:
    counters = evidence.reading.counters
    if counters.commits is None or counters.rollbacks is None:
        return Found(None, counters.reason or "Transactions were not counted.")
    ended = counters.commits + counters.rollbacks
    if ended < FEWEST_TRANSACTIONS:
        return Found(None, f"Only {ended} transactions ended; a share is told of {FEWEST_TRANSACTIONS}.")
    return Found(
        counters.rollbacks / ended, f"{counters.rollbacks} of {ended} transactions were rolled back."
    )


def _transaction_ids(evidence: Evidence) -> Found:
    size = evidence.reading.size
    if not size.xid_limit:
        return Found(None, "The limit of the transaction ids' age is not known.")
    share = size.xid_age / size.xid_limit
    return Found(share, f"The oldest transaction id is {size.xid_age:,} old, {share:.0%} of what is allowed.")


def _bloat(evidence: Evidence) -> Found:
    size = evidence.reading.size
    wasted = [each.bloat * each.table_bytes for each in size.tables if each.bloat is not None]
    wasted += [each.bloat * each.bytes for each in size.indexes if each.bloat is not None]
    if not wasted or not size.database_bytes:
        return Found(None, "There is no estimate of any table or index.")
    share = sum(wasted) / size.database_bytes
    return Found(share, f"About {share:.0%} of the database is empty space in {len(wasted)} relations.")


def _backup(evidence: Evidence) -> Found:
    """Value: hours since the latest check; one that failed is worth nothing, however late."""
    backup = evidence.backup
    if backup is None or backup.finished_at is None:
        return Found(None, "No backup was ever checked by restoring it.")
    hours = (evidence.now - backup.finished_at).total_seconds() / 3600
    if not backup.is_verified:
        return Found(hours, f"The check of {hours:.0f} hours ago failed.", is_worthless=True)
    return Found(hours, f"A backup was restored and compared {hours:.0f} hours ago.")


MEASURES = (
    Measure("pool", 20, ((0.6, 100), (0.8, 60), (0.95, 20), (1.0, 0)), _pool),
    Measure("response_time", 15, ((0.5, 100), (2, 60), (5, 0)), _response),
    Measure("slow_queries", 10, ((0, 100), (10, 60), (50, 0)), _slow),
    Measure("cache_hit", 10, ((0.5, 0), (0.9, 50), (0.99, 100)), _cache),
    Measure("blocking", 10, ((0, 100), (30, 50), (300, 0)), _blocking),
    Measure("connections", 5, ((0.7, 100), (0.9, 50), (1.0, 0)), _connections),
    Measure("idle_in_transaction", 5, ((10, 100), (60, 50), (600, 0)), _idle_in_transaction),
    Measure("deadlocks", 5, ((0, 100), (1, 50), (5, 0)), _deadlocks),
    Measure("rollbacks", 5, ((0.01, 100), (0.1, 50), (0.5, 0)), _rollbacks),
    Measure("transaction_ids", 5, ((0.1, 100), (0.5, 50), (0.9, 0)), _transaction_ids),
    Measure("bloat", 5, ((0.1, 100), (0.3, 50), (0.6, 0)), _bloat),
    # Hours: a day and two for the run itself, two days, a week.
    Measure("backup", 5, ((26, 100), (50, 50), (168, 0)), _backup),
)
"""Weights add up to 100. What is at the limit of a warning is worth 50 to 60, where there is such a limit."""
