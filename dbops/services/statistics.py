"""The planner's statistics: refreshed where so much changed since that plans may be wrong."""

import logging
from contextlib import closing
from dataclasses import dataclass
from typing import NamedTuple

from psycopg2 import errors, sql
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from dbops import direct

logger = logging.getLogger(__name__)

LEAST_CHANGES = 500
CHANGED_SHARE = 0.1
PARENT_AGE_HOURS = 24
"""A table is stale when 500 rows and a tenth of it were changed since it was analysed, or when it never was
and is not empty. PostgreSQL analyses no partitioned table by itself, and counts no changes of it: one is
stale a day after it was analysed."""

LOCK_TIMEOUT_MS = 2_000
STATEMENT_TIMEOUT_MS = 60_000
BUSY = f"It was locked for {LOCK_TIMEOUT_MS / 1000:.0f} s."
SLOW = f"Analysing it took more than {STATEMENT_TIMEOUT_MS / 1000:.0f} s."

# It asks for no size of a table: that would wait for whoever has it locked.
_STALE = """
SELECT n.nspname, c.relname, c.relkind = 'p',
       CASE WHEN analysed.at IS NULL THEN 'never analysed'
            WHEN c.relkind = 'p' THEN 'partitioned, analysed more than %(age)s hours ago'
            ELSE s.n_mod_since_analyze || ' rows changed of ' || s.n_live_tup END
FROM pg_stat_user_tables s
JOIN pg_class c ON c.oid = s.relid
JOIN pg_namespace n ON n.oid = c.relnamespace
CROSS JOIN LATERAL (SELECT greatest(s.last_analyze, s.last_autoanalyze) AS at) analysed
WHERE n.nspname = ANY (current_schemas(false)) AND c.relpersistence = 'p'
  AND pg_has_role(c.relowner, 'MEMBER')
  AND CASE WHEN c.relkind = 'p'
           THEN coalesce(analysed.at < now() - make_interval(hours => %(age)s), true)
                AND EXISTS (SELECT FROM pg_inherits h JOIN pg_class part ON part.oid = h.inhrelid
                            WHERE h.inhparent = c.oid
                            AND (part.reltuples > 0 OR pg_stat_get_live_tuples(part.oid) > 0))
           ELSE (analysed.at IS NULL AND (c.reltuples > 0 OR s.n_live_tup > 0))
                OR s.n_mod_since_analyze >= greatest(%(least)s, %(share)s * s.n_live_tup) END
ORDER BY c.relkind = 'p', s.n_mod_since_analyze DESC, c.relname
"""
# Partitions have statistics of their own: from PostgreSQL 18 on they can be left alone.
_ONLY_SINCE = 180_000


class Stale(NamedTuple):
    """A table whose statistics are out of date, and why."""

    schema: str
    name: str
    is_partitioned: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Refreshed:
    """Which tables were analysed, and why others were left out, by name."""

    analysed: list[str]
    skipped: dict[str, str]


def refresh_stale() -> list[str]:
    """Analyse the tables whose statistics are stale, and return their names."""
    return refresh().analysed


def stale() -> list[Stale]:
    """Return the tables that are to be analysed."""
    with direct.connect(statement_timeout_ms=STATEMENT_TIMEOUT_MS) as session:
        return _find(session)


def refresh() -> Refreshed:
    """Analyse what is stale; what is locked, or takes too long, is left to the next time."""
    done = Refreshed([], {})
    with direct.connect(
        statement_timeout_ms=STATEMENT_TIMEOUT_MS, lock_timeout_ms=LOCK_TIMEOUT_MS
    ) as session:
        for table in _find(session):
            if trouble := _analyse(session, table):
                logger.warning("%s is not analysed: %s", table.name, trouble)
                done.skipped[table.name] = trouble
            else:
                done.analysed.append(table.name)
    return done


def _find(session: Connection) -> list[Stale]:
    limits = {"least": LEAST_CHANGES, "share": CHANGED_SHARE, "age": PARENT_AGE_HOURS}
    with closing(session.cursor()) as cursor:
        cursor.execute(_STALE, limits)
        return [Stale(*row) for row in cursor.fetchall()]


def _analyse(session: Connection, table: Stale) -> str:
    """Analyse the table; return what was in the way."""
    only = "ONLY " if table.is_partitioned and session.server_version >= _ONLY_SINCE else ""
    statement = sql.SQL("ANALYZE " + only + "{}").format(sql.Identifier(table.schema, table.name))
    try:
        with closing(session.cursor()) as cursor:
            cursor.execute(statement)
    except errors.LockNotAvailable:
        return BUSY
    except errors.QueryCanceled:
        return SLOW
    except errors.UndefinedTable:
        return "It is there no more."
    return ""
