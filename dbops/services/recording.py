"""Writes down what one look found; each minute once, and what was counted in it added once."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection, transaction

from dbops.catalogue import counters, statements
from dbops.deltas import SLOW_MS, CallsAndMs
from dbops.models import DatabaseCounters, Observation, RelationHour, Statement
from dbops.readings import Health, PoolReading, Reading
from dbops.services.remembering import STATEMENTS_AT, STATEMENTS_SINCE, Remembered

_LONGEST_GAP = timedelta(hours=1)
_SHORT = ("query_id", "calls", "mean_ms", "total_ms", "mean_before_ms", "calls_before")

_ADD_HOURS = """
    INSERT INTO dbops_statementhour AS t (hour, statement_id, calls, total_ms, slow_calls)
    SELECT %s, * FROM unnest(%s::bigint[], %s::bigint[], %s::float8[], %s::bigint[])
    ON CONFLICT (hour, statement_id) DO UPDATE SET calls = t.calls + EXCLUDED.calls,
        total_ms = t.total_ms + EXCLUDED.total_ms, slow_calls = t.slow_calls + EXCLUDED.slow_calls"""
_UPDATE_STATEMENTS = """
    UPDATE dbops_statement AS t SET last_seen = %s, calls = s.calls, total_ms = s.total_ms
    FROM unnest(%s::bigint[], %s::bigint[], %s::float8[]) AS s (query_id, calls, total_ms)
    WHERE t.query_id = s.query_id"""


@dataclass(frozen=True, slots=True)
class Seen:
    """A look with the counters it was made from; `changes` is null where statements cannot be compared."""

    reading: Reading
    counters: counters.Totals
    statements: statements.Totals
    changes: CallsAndMs | None
    before: Remembered


def minute_of(moment: datetime) -> datetime:
    """Return the minute that a look belongs to: what an observation is known by."""
    return moment.replace(second=0, microsecond=0)


def store(seen: Seen, health: Health | None) -> bool:
    """Store the look, unless its minute has one or another look was stored meanwhile; tell whether it was."""
    with transaction.atomic():
        row = _locked(seen)
        if row is None or Observation.objects.filter(at=minute_of(seen.reading.at)).exists():
            return False
        _observation(seen.reading, health).save(force_insert=True)
        _remember_counters(row, seen)
        if seen.statements.is_known:
            _remember_statements(seen)
        _remember_relations(seen.reading)
    return True


def _locked(seen: Seen) -> DatabaseCounters | None:
    """Lock the counters that the look was compared with; nothing where they are not those any more."""
    first = {"at": seen.reading.at, "values": {}}
    DatabaseCounters.objects.get_or_create(pk=1, defaults=first)
    row = DatabaseCounters.objects.select_for_update().get(pk=1)
    compared_with = None if seen.before.counters is None else seen.before.counters.at
    return row if compared_with == (row.at if row.values else None) else None


def plain(value: Any) -> Any:
    """Return what JSON can hold: times as ISO texts."""
    return json.loads(json.dumps(value, cls=DjangoJSONEncoder))


def _observation(reading: Reading, health: Health | None) -> Observation:
    counted = reading.counters
    return Observation(
        at=minute_of(reading.at),
        **_pool(reading.pool),
        connections=reading.connections.by_state,
        counters=None if counted.reason else {name: getattr(counted, name) for name in counters.NAMES},
        counters_since=counted.since,
        period_s=counted.period_s,
        cache_hit=reading.cache_hit,
        queries=_queries(reading),
        blocking=plain([asdict(each) for each in reading.blocking]),
        size=_size(reading),
        health=None if health is None else health.score,
        health_parts=[] if health is None else [asdict(part) for part in health.parts],
        took_ms=reading.took_ms,
    )


def _pool(pool: PoolReading | None) -> dict[str, Any]:
    """Return the columns of the pool; they stay empty where it did not answer."""
    if pool is None:
        return {}
    figures = asdict(pool)
    return {"pool_size": figures.pop("size"), **figures}


def _queries(reading: Reading) -> dict[str, Any]:
    """Leave out the texts, which the statements have."""
    whole = asdict(reading.queries)
    for name in ("slowest", "regressions"):
        whole[name] = [{key: each[key] for key in _SHORT if key in each} for each in whole[name]]
    return whole


def _size(reading: Reading) -> Any:
    """Leave out tables and indexes, which the hours have; keep the names of what is worth a look."""
    whole = asdict(reading.size)
    del whole["tables"], whole["indexes"]
    for name in ("unused_indexes", "missing_index_candidates", "bloated"):
        whole[name] = [each["name"] for each in whole[name]]
    return plain(whole)


def _remember_counters(row: DatabaseCounters, seen: Seen) -> None:
    read = seen.statements.is_known
    row.at, row.since = seen.reading.at, seen.counters.since
    row.values = {
        **seen.counters.values,
        STATEMENTS_AT: _written(seen.reading.at if read else seen.before.statements_at),
        STATEMENTS_SINCE: _written(seen.statements.since if read else seen.before.statements_since),
    }
    row.save()


def _written(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _remember_relations(reading: Reading) -> None:
    if not reading.size.tables:
        return
    RelationHour.objects.update_or_create(
        hour=_hour(reading.at),
        defaults={
            "at": reading.at,
            "database_bytes": reading.size.database_bytes,
            "tables": plain([asdict(each) for each in reading.size.tables]),
            "indexes": plain([asdict(each) for each in reading.size.indexes]),
        },
    )


def _hour(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)


# --- Statements ------------------------------------------------------------------------------
def _remember_statements(seen: Seen) -> None:
    """Keep what the counters show now, and add to the hour what was counted since the look before."""
    now, totals, before = seen.reading.at, seen.statements.calls_and_ms, seen.before.statements
    _insert(now, seen.statements)
    differing = {
        query_id: each for query_id, each in totals.items() if before.get(query_id) not in (None, each)
    }
    _execute(_UPDATE_STATEMENTS, [now, *_columns(differing)])
    gone = [query_id for query_id, (calls, _) in before.items() if calls and query_id not in totals]
    if gone:
        # When they come back, they are counted from nothing.
        Statement.objects.filter(pk__in=gone).update(calls=0, total_ms=0)
    if seen.changes and not _is_too_long_ago(seen):
        _execute(_ADD_HOURS, [_hour(now), *_columns(seen.changes), _slow_calls(seen.changes)])


def _insert(now: datetime, totals: statements.Totals) -> None:
    rows = (
        Statement(
            query_id=query_id,
            text=text,
            first_seen=now,
            last_seen=now,
            calls=totals.calls_and_ms[query_id][0],
            total_ms=totals.calls_and_ms[query_id][1],
        )
        for query_id, text in totals.texts.items()
    )
    Statement.objects.bulk_create(rows, ignore_conflicts=True, batch_size=1000)


def _columns(figures: CallsAndMs) -> list[list[Any]]:
    calls_and_ms = figures.values()
    return [list(figures), [calls for calls, _ in calls_and_ms], [ms for _, ms in calls_and_ms]]


def _slow_calls(changes: Mapping[int, tuple[int, float]]) -> list[int]:
    return [calls if total_ms / calls >= SLOW_MS else 0 for calls, total_ms in changes.values()]


def _is_too_long_ago(seen: Seen) -> bool:
    """Tell whether what was counted belongs to several hours: none of them then gets it."""
    at = seen.before.statements_at
    return at is None or seen.reading.at - at > _LONGEST_GAP


def _execute(sql: str, parameters: list[Any]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
