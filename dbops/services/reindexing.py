"""Indexes: rebuilt where they are bloated or broken, while everybody goes on reading and writing."""

import logging
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from psycopg2 import errors, sql
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from dbops import direct
from dbops.readings import Index

logger = logging.getLogger(__name__)

LEAST_BYTES = 1024**2
LEAST_BLOAT = 0.3
MOST_INDEXES = 20
"""An index is rebuilt when it has 1 MiB and its bloat is estimated at 30 % or more; at most 20 in a run,
those that waste most first."""

# It waits for the transactions that are older than itself, and holds nobody up meanwhile.
LOCK_TIMEOUT_MS = 10_000
STATEMENT_TIMEOUT_MS = 3_600_000
BUSY = f"Its table was in use for {LOCK_TIMEOUT_MS / 1000:.0f} s: locked, or read by a long transaction."
SLOW = f"Rebuilding it took more than {STATEMENT_TIMEOUT_MS // 60_000} min."
GONE = "It is there no more, or its table is being indexed."

_INDEXES = """
SELECT c.relname
FROM pg_index i
JOIN pg_class c ON c.oid = i.indexrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = current_schema() AND c.relkind = 'i' AND c.relpersistence = 'p'
  AND NOT i.indisexclusion AND pg_has_role(c.relowner, 'MEMBER')
  AND NOT EXISTS (SELECT FROM pg_stat_progress_create_index p WHERE p.relid = i.indrelid)
  AND {}
ORDER BY c.relname
"""
# What REINDEX CONCURRENTLY names the index that it builds, and the one that it replaced.
_LEFTOVER = r"c.relname ~ '_cc(new|old)\d*$' AND NOT i.indisvalid"
_BROKEN = rf"NOT i.indisvalid AND NOT ({_LEFTOVER})"


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What became of an index; `reason` says why nothing did."""

    index: str
    status: str
    bytes_before: int | None = None
    bytes_after: int | None = None
    reason: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return it as it is reported."""
        return asdict(self)


@contextmanager
def session() -> Iterator[Connection]:
    """Open a session in which indexes are rebuilt; cancelling it cuts a rebuild short."""
    with direct.connect(statement_timeout_ms=STATEMENT_TIMEOUT_MS, lock_timeout_ms=LOCK_TIMEOUT_MS) as opened:
        yield opened


def bloated(indexes: Iterable[Index]) -> list[str]:
    """Return the names of the indexes that are worth rebuilding, those first that waste most."""
    found = [
        (index.bytes * index.bloat, index.name)
        for index in indexes
        if index.bloat is not None and index.bytes >= LEAST_BYTES and index.bloat >= LEAST_BLOAT
    ]
    return [name for _wasted, name in sorted(found, reverse=True)[:MOST_INDEXES]]


def broken() -> list[str]:
    """Return the names of indexes that a failed build has left invalid, and that nobody is building."""
    with session() as opened:
        return _indexes(opened, _BROKEN)


def leftovers() -> list[str]:
    """Return the names of what interrupted rebuilds have left behind."""
    with session() as opened:
        return _indexes(opened, _LEFTOVER)


def drop_leftovers() -> list[Rebuilt]:
    """Drop what interrupted rebuilds left behind, and tell which those were.

    A rebuild that is going on keeps its own: its lock on the table is the one that dropping waits for.
    """
    with session() as opened:
        return [_dropped(opened, name) for name in _indexes(opened, _LEFTOVER)]


def _dropped(opened: Connection, name: str) -> Rebuilt:
    trouble = _run(opened, "DROP INDEX CONCURRENTLY IF EXISTS {}", name)
    return Rebuilt(name, "skipped" if trouble else "dropped", reason=trouble)


def rebuild(name: str, opened: Connection) -> Rebuilt:
    """Rebuild the index, whatever uses it.

    What it leaves behind when it cannot is dropped; where that is in use, too, the next run does it.
    """
    if not _indexes(opened, "c.relname = %s", name):
        return Rebuilt(name, "skipped", reason=GONE)
    before = _size(opened, name)
    if trouble := _run(opened, "REINDEX INDEX CONCURRENTLY {}", name):
        logger.warning("%s is not rebuilt: %s", name, trouble)
        for left in _indexes(opened, f"{_LEFTOVER} AND left(c.relname, length(%s)) = %s", name, name):
            _dropped(opened, left)
        return Rebuilt(name, "skipped", before, reason=trouble)
    return Rebuilt(name, "success", before, _size(opened, name))


def _indexes(opened: Connection, which: str, *values: str) -> list[str]:
    """Return the names of the indexes that a condition keeps."""
    with closing(opened.cursor()) as cursor:
        cursor.execute(_INDEXES.format(which), values)
        return [name for (name,) in cursor.fetchall()]


def _size(opened: Connection, name: str) -> int | None:
    """Return the bytes of the index; None where somebody has it locked, or it is gone."""
    try:
        with closing(opened.cursor()) as cursor:
            cursor.execute("SELECT pg_relation_size(to_regclass(quote_ident(%s)))", [name])
            found: tuple[int | None] | None = cursor.fetchone()
    except errors.LockNotAvailable:
        return None
    return found[0] if found else None


def _run(opened: Connection, statement: str, name: str) -> str:
    """Do something to an index; return what was in the way."""
    try:
        with closing(opened.cursor()) as cursor:
            cursor.execute(sql.SQL(statement).format(sql.Identifier(name)))
    except (errors.LockNotAvailable, errors.DeadlockDetected):
        return BUSY
    except errors.QueryCanceled:
        return SLOW
    except (errors.UndefinedObject, errors.UndefinedTable):
        return GONE
    return ""
