"""What checks look at: slots as rows of a query, and the days whose data are due."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.db import connection
from django.db.models import Max

from pipelines import freshness
from pipelines.models import ACTIVE, Run
from pipelines.quality.scores import MOST_FAILURES, Failure, Finding
from pipelines.windows import Window

SOURCES = {"inventory": "ec2", "costs": "cost", "cpu": "cpu", "samples": "metrics"}
"""Which pipeline collects each data set."""
NOT_DUE = "The data of these days are not due yet."


def judged(slots: str, params: dict[str, Any], *, nothing: str = "") -> Finding:
    """Return what a query says of slots: `slots`, `bad`, `subject` and `detail` are its columns.

    A row stands for some slots, of which some are not well. `nothing` says why there may be none.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(sum(t.slots), 0), coalesce(sum(t.bad), 0), count(*) FILTER (WHERE t.bad > 0)"
            f" FROM ({slots}) t",
            params,
        )
        of, bad, rows = map(int, cursor.fetchone())
        failures = _failures(cursor, slots, params) if rows else ()
    return Finding(of, bad, rows, failures, unknown="" if of else nothing)


def _failures(cursor: Any, slots: str, params: dict[str, Any]) -> tuple[Failure, ...]:
    cursor.execute(
        f"SELECT t.subject, t.detail FROM ({slots}) t WHERE t.bad > 0 ORDER BY t.subject, t.detail"
        f" LIMIT {MOST_FAILURES}",
        params,
    )
    return tuple(Failure(*row) for row in cursor.fetchall())


def bounds(window: Window, now: datetime) -> dict[str, Any]:
    """Return the days of a window, and the moments at which they begin and end, as a query's parameters."""
    return {
        "start": window.start,
        "end": window.end,
        "since": midnight(window.start),
        "until": midnight(window.end),
        "now": now,
        "today": now.astimezone(UTC).date(),
    }


def midnight(day: date) -> datetime:
    """Return the moment at which a UTC day begins."""
    return datetime.combine(day, time(), UTC)


def days_of(window: Window) -> list[date]:
    """Return the days of a window."""
    return [window.start + timedelta(days=number) for number in range((window.end - window.start).days)]


def due_days(dataset: str, window: Window, now: datetime) -> list[date]:
    """Return the days whose data ought to be there: the deadline has passed, or they were collected."""
    days = [day for day in days_of(window) if midnight(day) < now]
    begun = Run.objects.filter(pipeline=SOURCES[dataset], started_at__gte=midnight(window.start))
    last = begun.exclude(status__in=ACTIVE).aggregate(at=Max("started_at"))["at"]
    return [day for day in days if now >= freshness.deadline_of(day) or _is_over(day, last)]


def _is_over(day: date, moment: datetime | None) -> bool:
    return moment is not None and moment >= midnight(day + timedelta(days=1))
