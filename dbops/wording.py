"""What an alert on the database says: what is wrong, where, with which figures, and what to do."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from dbops.conditions import GB, Condition
from dbops.readings import Reading

_QUERY_SHOWN = 300
_SLOW_MS = 1_000
"""From that mean on, calls of a statement are counted as slow."""


@dataclass(frozen=True, slots=True)
class Words:
    """An alert's title and body; the first line of the body is what to do."""

    title: str
    body: str


def words(condition: Condition, reading: Reading, database: str) -> Words:
    """Put the condition into words, from the reading in which it was seen last."""
    told = _TELLERS[condition.key](reading)
    limits = {"warning": condition.warning, "critical": condition.critical}
    above = ", ".join(f"{name} above {_written(condition, limit)}" for name, limit in limits.items() if limit)
    where = f"Database {database}, seen at {reading.at:%Y-%m-%d %H:%M:%S} UTC; {above}."
    return Words(told.title, f"{told.todo}\n{told.found}\n{where}")


def backup_failed(target: str, finished_at: datetime, error: str, database: str) -> Words:
    """Put a backup that does not restore into words."""
    todo = (
        "Do not rely on this dump. Mend what is named below, then have the check done again by "
        "POST /api/v1/database/automation/maintenance/run."
    )
    found = f"{target}: {error or 'the restored tables differ from the ones that were dumped'}"
    where = f"Database {database}, checked at {finished_at:%Y-%m-%d %H:%M:%S} UTC."
    return Words("A backup could not be restored", f"{todo}\n{found}\n{where}")


def shortened(query: str) -> str:
    """Return a query in one line, and no more of it than is needed to know it by."""
    line = " ".join(query.split())
    return line if len(line) <= _QUERY_SHOWN else f"{line[:_QUERY_SHOWN]}…"


def many(number: int, one: str, several: str = "") -> str:
    """Write a number of things, one of them in the singular."""
    return f"{number} {one if number == 1 else several or one + 's'}"


def size(bytes_: float) -> str:
    """Write bytes as people do."""
    for unit, factor in (("GB", GB), ("MB", 1024**2), ("kB", 1024)):
        if bytes_ >= factor:
            return f"{bytes_ / factor:.1f} {unit}"
    return f"{bytes_:.0f} bytes"


def _written(condition: Condition, limit: float) -> str:
    if condition.key in ("pool", "transaction_ids"):
        return f"{limit:.0%}"
    if condition.key == "size":
        return size(limit)
    return f"{limit:g}" if condition.key == "slow_queries" else f"{limit:g} s"


# --- One teller a condition -----------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Told:
    """What is wrong, what to do about it, and what was found."""

    title: str
    todo: str
    found: str


def _pool(reading: Reading) -> Told:
    pool = reading.pool
    title = "The connection pool is nearly used up"
    if pool is None:
        return Told(title, "See to it that the pool answers.", f"It does not now: {reading.pool_reason}")
    longest = "" if pool.max_wait_s is None else f", the first for {pool.max_wait_s:.1f} s"
    return Told(
        title,
        "The pool grows by itself up to its maximum, where its size can be changed. Beyond that, end what "
        "holds connections (long queries, sessions that idle in a transaction), or raise POOL_MAX_SIZE.",
        f"Pool ({pool.backend}): {pool.utilization:.0%} used; {pool.used:g} of {pool.size} connections busy"
        f", {pool.waiting:g} clients waiting{longest}.",
    )


def _response(reading: Reading) -> Told:
    return Told(
        "Queries are answered slowly",
        "Look at its plan with EXPLAIN (ANALYZE, BUFFERS), and at what it waits for in pg_stat_activity; "
        "SELECT pg_cancel_backend(pid) ends one that runs.",
        f"The slowest answer takes {reading.queries.response_s or 0:.1f} s.{_slowest(reading)}",
    )


def _slowest(reading: Reading) -> str:
    """Name what takes so long: a query that still runs, or else the statement of that mean."""
    queries, response_s = reading.queries, reading.queries.response_s or 0
    running = queries.running
    if running is not None and running.seconds >= response_s:
        waits = next((each for each in reading.blocking if each.pid == running.pid), None)
        holder = f"pid {waits.root}" if waits and waits.root else "a prepared transaction"
        lock = f", waiting for a lock of {holder}" if waits else ""
        return f" It is what pid {running.pid} runs{lock}: {shortened(running.query)}"
    slowest = max(queries.slowest, key=lambda each: each.mean_ms, default=None)
    if slowest is None or slowest.mean_ms / 1000 < response_s:
        return ""
    return f" It is the mean of {many(slowest.calls, 'call')}: {shortened(slowest.query)}"


def _size(reading: Reading) -> Told:
    found = reading.size
    largest = sorted(found.tables, key=lambda each: -each.total_bytes)[:3]
    tables = ", ".join(f"{each.name} ({size(each.total_bytes)})" for each in largest)
    growth = found.growth_bytes_a_day
    rate = "unknown" if growth is None else f"{size(growth) if growth >= 0 else '-' + size(-growth)} a day"
    return Told(
        "The database is large",
        "Shorten what is kept (RUN_RETENTION_DAYS, METRIC_RETENTION_DAYS), or see that the disk has room.",
        f"{size(found.database_bytes)}, growth {rate}." + (f" Largest tables: {tables}." if tables else ""),
    )


def _slow(reading: Reading) -> Told:
    slow = [each for each in reading.queries.slowest if each.mean_ms >= _SLOW_MS]
    worst = sorted(slow, key=lambda each: -each.total_ms)[:3]
    names = [f"\n- {each.calls} x {each.mean_ms:.0f} ms: {shortened(each.query)}" for each in worst]
    number = many(reading.queries.slow or 0, "slow query", "slow queries")
    return Told(
        "Many queries are slow",
        "See GET /api/v1/database/automation/recommendations for indexes and statistics that would help.",
        f"{number} since the look before.{''.join(names)}",
    )


def _blocking(reading: Reading) -> Told:
    longest = max(reading.blocking, key=lambda each: each.seconds)
    end = f"End the session that holds it, if it is not needed: SELECT pg_terminate_backend({longest.root})."
    prepared = "A prepared transaction holds it: see pg_prepared_xacts, and COMMIT or ROLLBACK PREPARED it."
    number = many(len(reading.blocking), "session waits", "sessions wait")
    return Told(
        "Sessions wait for a lock",
        end if longest.root else prepared,
        f"{number}, pid {longest.pid} the longest, for {longest.seconds:.0f} s: "
        f"{shortened(longest.query)}\nAll of that chain wait for pid {longest.root} "
        f"({longest.root_application or 'unnamed'}, {longest.root_state}): {shortened(longest.root_query)}",
    )


def _transaction_ids(reading: Reading) -> Told:
    found = reading.size
    return Told(
        "Transaction ids run out",
        "Run VACUUM (FREEZE) on this database, and end what holds old snapshots: long transactions, prepared "
        "transactions, unused replication slots. At 100 % PostgreSQL refuses to write.",
        f"The oldest one is {found.xid_age:,} transactions old, of {found.xid_limit:,}.",
    )


_TELLERS: dict[str, Callable[[Reading], Told]] = {
    "pool": _pool,
    "response_time": _response,
    "size": _size,
    "slow_queries": _slow,
    "blocking": _blocking,
    "transaction_ids": _transaction_ids,
}
