"""What the platform promises of its daily collection, measured from the ledger."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self

from django.db.models import Max, Min
from django.db.models.functions import Coalesce
from django_celery_beat.models import PeriodicTask

from pipelines import due, freshness, schedules
from pipelines.freshness import DEADLINES
from pipelines.models import Run, Status
from pipelines.params import DAILY

SUCCESS_TARGET = 0.999
"""Of all daily runs, so many succeed."""
FRESHNESS_TARGET = 0.999
RECOVERY_TARGET_S = 300.0
"""Within so much time on average, a failure is followed by a success."""
USUAL_DAYS = 30
COUNTED = (Status.SUCCEEDED, Status.PARTIAL, Status.FAILED)


@dataclass(frozen=True, slots=True)
class Ended:
    """How a daily run ended, and when."""

    at: datetime
    succeeded: bool


# --- The rules -------------------------------------------------------------------------------
def success_rate(runs: Sequence[Ended]) -> float | None:
    """Return the share of the runs that succeeded; None without any."""
    return sum(run.succeeded for run in runs) / len(runs) if runs else None


def mean_time_to_recovery_s(runs: Iterable[Ended]) -> float | None:
    """Return the mean time from the first failure in a row to the success that followed, in seconds.

    The runs are in the order of their ends. A failure that nothing followed has no time yet; None where there
    is no time at all.
    """
    times: list[float] = []
    failed_at: datetime | None = None
    for run in runs:
        if not run.succeeded:
            failed_at = failed_at or run.at
        elif failed_at is not None:
            times.append((run.at - failed_at).total_seconds())
            failed_at = None
    return sum(times) / len(times) if times else None


def is_unrecovered(runs: Sequence[Ended]) -> bool:
    """Say whether the last run failed."""
    return bool(runs) and not runs[-1].succeeded


def kept(value: float | None, *, at_least: float | None = None, at_most: float | None = None) -> bool | None:
    """Say whether a promise is kept; None where nothing was measured."""
    if value is None:
        return None
    return (at_least is None or value >= at_least) and (at_most is None or value <= at_most)


# --- The ledger ------------------------------------------------------------------------------
def measured(now: datetime, window_days: int = USUAL_DAYS) -> dict[str, Any]:
    """Return what became of the promises in the days before now."""
    after = now - timedelta(days=window_days)
    runs = [
        Ended(run.finished_at, run.status == Status.SUCCEEDED)
        for run in freshness.ended(after, now).filter(status__in=COUNTED)
        if run.finished_at is not None
    ]
    succeeded, fresh = success_rate(runs), _freshness_rate(after, now)
    recovery_s = mean_time_to_recovery_s(runs)
    return {
        "window_days": window_days,
        "success_rate": succeeded,
        "freshness_rate": fresh,
        "mean_time_to_recovery_s": recovery_s,
        "runs": len(runs),
        "unrecovered": is_unrecovered(runs),
        "targets": {
            "success_rate": SUCCESS_TARGET,
            "freshness_rate": FRESHNESS_TARGET,
            "mean_time_to_recovery_s": RECOVERY_TARGET_S,
        },
        "kept": {
            "success_rate": kept(succeeded, at_least=SUCCESS_TARGET),
            "freshness_rate": kept(fresh, at_least=FRESHNESS_TARGET),
            "mean_time_to_recovery_s": kept(recovery_s, at_most=RECOVERY_TARGET_S),
        },
    }


def _freshness_rate(after: datetime, now: datetime) -> float | None:
    """Return the share of the deadlines in (after, now] that were kept; None where none of them counts."""
    deadlines = list(DEADLINES.between(after, now))
    if not deadlines:
        return None
    collections = freshness.collections(freshness.before(deadlines[0]), now)
    counts = _Expectations.of_schedule(now)
    results = [
        is_kept
        for each in deadlines
        if (is_kept := freshness.is_kept(each, collections)) or counts.asks_for(each)
    ]
    return sum(results) / len(results) if results else None


@dataclass(frozen=True, slots=True)
class _Expectations:
    """Which deadlines ask for data: those since the first run for which a collection was due.

    A schedule tells when it began the last time. What it was before is seen by the runs: up to the last one
    before that moment, each day had a collection due.
    """

    rows: Sequence[PeriodicTask]
    first_run_at: datetime | None
    began_at: datetime
    last_run_before: datetime | None

    @classmethod
    def of_schedule(cls, now: datetime) -> Self:
        rows = [row for row in schedules.rows_of(DAILY) if row.enabled]
        began_at = min((row.start_time for row in rows if row.start_time), default=now)
        runs = Run.objects.filter(pipeline=DAILY, parent=None)
        first = runs.aggregate(at=Min(Coalesce("started_at", "finished_at")))["at"]
        last = runs.filter(finished_at__lte=began_at).aggregate(at=Max("finished_at"))["at"]
        return cls(rows, first, began_at, last)

    def asks_for(self, deadline: datetime) -> bool:
        if self.first_run_at is None or deadline <= self.first_run_at:
            return False
        if deadline > self.began_at:
            return due.last_due(self.rows, freshness.before(deadline), deadline) is not None
        return self.last_run_before is not None and deadline <= self.last_run_before
