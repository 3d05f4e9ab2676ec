"""The promise that each day's data are there by 05:00 in New York: whether it is kept, and whether it was.

A deadline asks for the daily collection that was due since the one before it. What was not due, because the
schedule began later or is disabled, is unknown: it is neither kept nor broken.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import QuerySet
from django_celery_beat.models import PeriodicTask

from alerts import services as alerts
from alerts.models import Alert, Severity
from pipelines import due, registry, schedules
from pipelines.models import Run, Status
from pipelines.params import DAILY
from pipelines.slots import Cron

ZONE = ZoneInfo("America/New_York")
DEADLINES = Cron("0 5 * * *", ZONE)
KEY = "freshness:daily"

_LOOKED_BACK = timedelta(days=30)
_ROWS = ("created", "updated", "unchanged")
"""What a run counts of the rows that it stored or found stored already."""
_NO_SOURCES = {"quality", "billing"}
"""The daily run's children that bring no data of the day."""


@dataclass(frozen=True, slots=True)
class Collection:
    """A daily run that brought data: when it began and ended."""

    began_at: datetime
    ended_at: datetime


@dataclass(frozen=True, slots=True)
class Freshness:
    """Whether the data that the last deadline asked for are there; `fresh` is None where nobody can say."""

    fresh: bool | None
    deadline: datetime
    last_success_at: datetime | None
    reason: str


# --- The rule --------------------------------------------------------------------------------
def judge(
    deadline: datetime, collections: Sequence[Collection], due: datetime | None, why_not_due: str = ""
) -> Freshness:
    """Say whether a collection that began since the deadline before has brought data, by now.

    `due` is the schedule's last slot between the two deadlines; without one, `why_not_due` says why.
    """
    last = max((each.ended_at for each in collections), default=None)
    since = before(deadline)
    if any(each.began_at > since for each in collections):
        return Freshness(fresh=True, deadline=deadline, last_success_at=last, reason="")
    if due is None:
        return Freshness(fresh=None, deadline=deadline, last_success_at=last, reason=why_not_due)
    reason = f"The collection that was due at {_utc(due)} had brought no data by {_utc(deadline)}."
    if last is not None:
        reason += f" The last data arrived at {_utc(last)}."
    return Freshness(fresh=False, deadline=deadline, last_success_at=last, reason=reason)


def _utc(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def is_kept(deadline: datetime, collections: Iterable[Collection]) -> bool:
    """Say whether a collection that began since the deadline before had brought data in time."""
    since = before(deadline)
    return any(each.began_at > since and each.ended_at <= deadline for each in collections)


def before(deadline: datetime) -> datetime:
    """Return the deadline before this one."""
    return DEADLINES.latest(deadline - timedelta(seconds=1))


def deadline_of(day: date) -> datetime:
    """Return by when the data of a UTC day are promised: the first deadline after it."""
    over = datetime.combine(day + timedelta(days=1), time(), UTC)
    return next(DEADLINES.between(over, over + timedelta(days=1)))


def brought_data(run: Run) -> bool:
    """Say whether an ended daily run brought the data of the day before: a partial one, at least some."""
    if not _is_whole(run.params.get("sources")) or not _reaches_yesterday(run):
        return False
    if run.status == Status.PARTIAL:
        return any(run.counts.get(name) for name in _ROWS)
    return run.status == Status.SUCCEEDED


def _is_whole(sources: Sequence[str] | None) -> bool:
    return sources is None or set(registry.get(DAILY).children) - _NO_SOURCES <= set(sources)


def _reaches_yesterday(run: Run) -> bool:
    """Say whether a run that was asked for certain days was asked for the day before it began, too."""
    if "end" not in run.params or run.started_at is None:
        return True
    return date.fromisoformat(run.params["end"]) >= run.started_at.astimezone(UTC).date()


# --- The ledger ------------------------------------------------------------------------------
def current(now: datetime) -> dict[str, Any]:
    """Return `fresh` (None: unknown), `deadline`, `last_success_at` and the `reason`."""
    return asdict(_current(now))


def watch(now: datetime) -> None:
    """Open the alert on a missed deadline, or resolve it; what is unknown does neither."""
    found = _current(now)
    is_told = Alert.objects.unresolved().filter(key=KEY).exists()
    if found.fresh and is_told:
        alerts.resolve(KEY)
    elif found.fresh is False and not is_told:
        alerts.open(
            KEY,
            severity=Severity.ERROR,
            title=f"The daily data were not there by {found.deadline.astimezone(ZONE):%H:%M} in New York",
            body=found.reason,
            source=DAILY,
        )


def _current(now: datetime) -> Freshness:
    deadline = DEADLINES.latest(now)
    rows = schedules.rows_of(DAILY)
    slot = due.last_due(rows, before(deadline), deadline)
    why_not_due = "" if slot else _why_not_due(rows, deadline)
    return judge(deadline, collections(deadline - _LOOKED_BACK, now), slot, why_not_due)


def _why_not_due(rows: Sequence[PeriodicTask], deadline: datetime) -> str:
    if not any(row.enabled for row in rows):
        return "The schedule of the daily collection is disabled." if rows else "Nothing collects daily."
    return f"By its schedule, no collection was due in the day before {_utc(deadline)}."


def collections(after: datetime, until: datetime) -> list[Collection]:
    """Return the daily runs that ended in (after, until] and brought data, the oldest first."""
    return [
        Collection(run.started_at or run.scheduled_for, run.finished_at)
        for run in ended(after, until)
        if run.finished_at and brought_data(run)
    ]


def ended(after: datetime, until: datetime) -> "QuerySet[Run]":
    """Return the daily runs that ended in (after, until], the oldest first."""
    ends = Run.objects.filter(pipeline=DAILY, parent=None, finished_at__gt=after, finished_at__lte=until)
    told = ("status", "counts", "params", "started_at", "scheduled_for", "finished_at")
    return ends.only(*told).order_by("finished_at", "pk")
