"""What was stored of the looks before: what the next one is compared with."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q, Sum

from dbops import regressions
from dbops.deltas import Before
from dbops.masking import is_upkeep
from dbops.models import DatabaseCounters, RelationHour, Statement, StatementHour
from dbops.readings import Regression
from dbops.regressions import Compared

STATEMENTS_AT = "statements_at"
STATEMENTS_SINCE = "statements_since"
_DAY = timedelta(days=1)
_GROWTH_OVER = 7 * _DAY
_GROWTH_UNKNOWN = "How fast the database grows is known once it has been observed for a day."


@dataclass(frozen=True, slots=True)
class Remembered:
    """The counters of the look before, and those of statements: none where there was no look."""

    counters: Before | None
    statements_at: datetime | None
    statements_since: datetime | None
    statements: dict[int, tuple[int, float]]


def remembered() -> Remembered:
    """Read what was stored last."""
    row = DatabaseCounters.objects.first()
    stored = Statement.objects.order_by().values_list("query_id", "calls", "total_ms")
    statements = {query_id: (calls, total_ms) for query_id, calls, total_ms in stored}
    if row is None:
        return Remembered(None, None, None, statements)
    return Remembered(
        counters=Before(row.at, row.since, row.values),
        statements_at=_moment(row.values.get(STATEMENTS_AT)),
        statements_since=_moment(row.values.get(STATEMENTS_SINCE)),
        statements=statements,
    )


def _moment(written: str | None) -> datetime | None:
    return None if written is None else datetime.fromisoformat(written)


def texts(query_ids: Collection[int]) -> dict[int, str]:
    """Return the texts of statements that are stored."""
    return dict(Statement.objects.filter(pk__in=query_ids).order_by().values_list("query_id", "text"))


def slower_statements(now: datetime) -> tuple[Regression, ...]:
    """Compare the last day's means with those of the week before it."""
    found = {each.query_id: each for each in regressions.slower(_compared(now))}
    known = texts(found)
    return tuple(
        Regression(
            query_id=str(query_id),
            query=known[query_id],
            mean_ms=each.mean_ms,
            mean_before_ms=each.mean_before_ms,
            calls=each.calls,
            calls_before=each.calls_before,
        )
        for query_id, each in found.items()
        if not is_upkeep(known.get(query_id, ""))
    )


def _compared(now: datetime) -> list[Compared]:
    recent_from = now - regressions.RECENT
    recent, before = Q(hour__gte=recent_from), Q(hour__lt=recent_from)
    rows = (
        StatementHour.objects.filter(hour__gte=recent_from - regressions.BEFORE)
        .order_by()
        .values_list("statement_id")
        .annotate(
            recent_calls=Sum("calls", filter=recent),
            recent_ms=Sum("total_ms", filter=recent),
            calls_before=Sum("calls", filter=before),
            before_ms=Sum("total_ms", filter=before),
        )
        .filter(recent_calls__gt=0, calls_before__gt=0)
    )
    return [Compared(*row) for row in rows]


def growth(now: datetime, database_bytes: int) -> tuple[float | None, str]:
    """Return the bytes a day by which the database grew in up to a week; else null, and why."""
    oldest = RelationHour.objects.filter(hour__gte=now - _GROWTH_OVER).order_by("hour").first()
    if oldest is None or now - oldest.at < _DAY:
        return None, _GROWTH_UNKNOWN
    return (database_bytes - oldest.database_bytes) / ((now - oldest.at) / _DAY), ""
