"""What pg_stat_statements has counted for the statements of this database."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import psycopg2
from psycopg2 import errors

from dbops.catalogue.glance import Glance
from dbops.masking import masked

_HOW = "add it to shared_preload_libraries, restart PostgreSQL, and run CREATE EXTENSION pg_stat_statements"
_MISSING = f"pg_stat_statements is not installed in this database: {_HOW}."
_UNLOADED = "pg_stat_statements is not loaded: add it to shared_preload_libraries and restart PostgreSQL."
_OLD = "pg_stat_statements is too old: run ALTER EXTENSION pg_stat_statements UPDATE."
_OFF = "pg_stat_statements counts nothing: set pg_stat_statements.track to top."
_UNREADABLE = "pg_stat_statements could not be read: {}"
_PARTLY = "Only this role's own statements are counted: run GRANT pg_read_all_stats TO {}."

_STATE = """
    SELECT current_user AS role, pg_has_role('pg_read_all_stats', 'USAGE') AS reads_all,
        current_setting('pg_stat_statements.max', true) IS NOT NULL AS is_loaded,
        current_setting('pg_stat_statements.track', true) AS track, installed.*
    FROM (VALUES (1)) AS one LEFT JOIN (
        SELECT quote_ident(nspname) AS schema, string_to_array(extversion, '.')::int[] >= '{1,9}' AS is_recent
        FROM pg_extension JOIN pg_namespace n ON n.oid = extnamespace WHERE extname = 'pg_stat_statements'
    ) AS installed ON true"""

# Without their texts, which lie in a file that would be read as a whole.
_TOTALS = """
    SELECT queryid, sum(calls)::bigint AS calls, sum(total_exec_time)::float8 AS total_ms,
        (SELECT stats_reset FROM {schema}.pg_stat_statements_info) AS since
    FROM {schema}.pg_stat_statements(false)
    WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database()) AND queryid IS NOT NULL
    GROUP BY queryid"""

_TEXTS = """
    SELECT queryid, min(left(query, 10000)) AS query FROM {schema}.pg_stat_statements(true)
    WHERE queryid = ANY(%s) GROUP BY queryid"""


@dataclass(frozen=True, slots=True)
class Totals:
    """Calls and milliseconds by query id since the reset, and the texts of those not known before.

    Without `is_known` nothing was counted, and `reason` says why; with it, it says what is missing.
    """

    is_known: bool
    reason: str = ""
    since: datetime | None = None
    calls_and_ms: dict[int, tuple[int, float]] = field(default_factory=dict)
    texts: dict[int, str] = field(default_factory=dict)


def read(glance: Glance, known: Collection[int]) -> Totals:
    """Read the counters, and the texts of the statements that are not `known`."""
    (state,) = glance.rows(_STATE)
    if reason := _obstacle(state):
        return Totals(is_known=False, reason=reason)
    try:
        rows = glance.attempt(_TOTALS.format(schema=state.schema))
        new = [row.queryid for row in rows if row.queryid not in known]
        texts = glance.attempt(_TEXTS.format(schema=state.schema), [new]) if new else []
    except (psycopg2.ProgrammingError, errors.ObjectNotInPrerequisiteState) as error:
        return Totals(is_known=False, reason=_UNREADABLE.format(str(error).splitlines()[0]))
    told = {*known, *(row.queryid for row in texts)}
    return Totals(
        is_known=True,
        reason="" if state.reads_all else _PARTLY.format(state.role),
        since=rows[0].since if rows else None,
        # One that was forgotten between the two questions is left out.
        calls_and_ms={row.queryid: (row.calls, row.total_ms) for row in rows if row.queryid in told},
        texts={row.queryid: masked(row.query or "") for row in texts},
    )


def _obstacle(state: Any) -> str:
    """Say why nothing can be read, and what to do; nothing where it can."""
    if state.schema is None:
        return _MISSING
    if not state.is_loaded:
        return _UNLOADED
    if not state.is_recent:
        return _OLD
    return _OFF if state.track == "none" else ""
