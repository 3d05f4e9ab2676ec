"""The look of each minute at the platform itself: how much failed, how busy its machines are.

An attempt is one at a step, or at planning a run where no step came of it; it counts in the minute in which
it ended. The last one is told by the row's status and end, those that others followed by its history. So
minutes that nobody looked at are made up for, and the latest are counted once more: a transaction that was
open when they were counted may have been committed since. CPU is known at the moment alone.
"""

import logging
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Max, Q, QuerySet

from alerts import services as alerts
from alerts.models import Severity
from pipelines import backlog, conditions, retention, ticks, workers
from pipelines.conditions import MINUTE, Change, Minute
from pipelines.history import Ending
from pipelines.models import Capacity, PlatformMinute, Run, Status, Step

logger = logging.getLogger(__name__)

ERRORS = "errors:rate"
CPU = "cpu:workers"
SOURCE = "platform"
MADE_UP = 15 * MINUTE
"""How far back minutes are made up for."""
COUNTED_AGAIN = 2 * MINUTE
LOOK_BACK = timedelta(days=1)
"""As far as the end of an alert may have to be seen."""
KEPT = timedelta(days=35)
_ATTEMPTED = (Status.SUCCEEDED, Status.PARTIAL, Status.FAILED)
_FAILED_AND_FOLLOWED = (Ending.RETRIED, Ending.INTERRUPTED, Ending.LOST)
"""What the history calls failures that another attempt followed; what was given back in order is none."""


def register() -> None:
    """Have minutes deleted that nobody looks back to."""
    retention.register_rows(
        "platform-minutes",
        "Minutes of the platform",
        lambda now: PlatformMinute.objects.filter(minute__lt=now - KEPT).order_by("minute"),
    )


def watch() -> None:
    """Write the minute that is over, open and resolve alerts, and add or take back a worker."""
    now = ticks.now()
    write(now)
    minutes = latest(now, LOOK_BACK)
    _judge_errors(minutes, now)
    _judge_cpu(minutes, now)
    scale(minutes, now)


# --- The minutes -----------------------------------------------------------------------------
def write(now: datetime) -> None:
    """Write what the minutes up to now were like, those that are missing included."""
    end = now.replace(second=0, microsecond=0)
    start = _first_to_write(end)
    attempts, failures = counted(start, end)
    rows = [
        PlatformMinute(minute=minute, attempts=attempts[minute], failures=failures[minute])
        for minute in _minutes(start, end)
    ]
    rows[-1].cpu_percent = cpu_percent(now)
    PlatformMinute.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["minute"],
        update_fields=["attempts", "failures"],
    )


def _first_to_write(end: datetime) -> datetime:
    """Return the first minute to be written: the one after the last that is there, or a little before."""
    last = PlatformMinute.objects.filter(minute__lt=end).aggregate(last=Max("minute"))["last"]
    missing_from = end - MINUTE if last is None else last + MINUTE
    return max(min(missing_from, end - COUNTED_AGAIN), end - MADE_UP)


def _minutes(start: datetime, end: datetime) -> Iterator[datetime]:
    while start < end:
        yield start
        start += MINUTE


def counted(start: datetime, end: datetime) -> tuple[Counter[datetime], Counter[datetime]]:
    """Return how many attempts ended in each minute of [start, end), and how many of them failed."""
    attempts: Counter[datetime] = Counter()
    failures: Counter[datetime] = Counter()
    for ended_at, failed in _ended(start, end):
        if start <= ended_at < end:
            minute = ended_at.replace(second=0, microsecond=0)
            attempts[minute] += 1
            failures[minute] += failed
    return attempts, failures


def _ended(start: datetime, end: datetime) -> Iterator[tuple[datetime, bool]]:
    """Yield when attempts ended and whether they failed; those before the last are in the row's history."""
    within = Q(finished_at__gte=start, finished_at__lt=end)
    yield from _last_attempts(Step.objects.filter(within))
    without_steps = Q(step_counts__isnull=True) | Q(step_counts={})
    yield from _last_attempts(Run.objects.filter(within, without_steps, children=None))
    retried = ~Q(history=[])
    # Two questions, each of which an index answers.
    for ended in (Q(finished_at__gte=start), Q(finished_at=None)):
        yield from _earlier_attempts(Step.objects.filter(retried, ended))
        yield from _earlier_attempts(Run.objects.filter(retried, ended))


def _last_attempts(rows: "QuerySet[Step] | QuerySet[Run]") -> Iterator[tuple[datetime, bool]]:
    """Yield those of work that was attempted at all, and not called off."""
    done = rows.filter(attempt__gt=0, status__in=_ATTEMPTED).order_by()
    for ended_at, status in done.values_list("finished_at", "status"):
        if ended_at is not None:
            yield ended_at, status == Status.FAILED


def _earlier_attempts(rows: "QuerySet[Step] | QuerySet[Run]") -> Iterator[tuple[datetime, bool]]:
    for history in rows.order_by().values_list("history", flat=True):
        for attempt in history:
            if attempt["outcome"] in _FAILED_AND_FOLLOWED:
                yield datetime.fromisoformat(attempt["ended_at"]), True


def cpu_percent(now: datetime) -> float | None:
    """Return the CPU of the busiest machine; None where no worker tells."""
    told = [worker.cpu_percent for worker in workers.alive(now) if worker.cpu_percent is not None]
    return max(told, default=None)


def latest(now: datetime, period: timedelta) -> list[Minute]:
    """Return what is known of the minutes within a period before now, the oldest first."""
    rows = PlatformMinute.objects.filter(minute__gte=now - period - MINUTE, minute__lt=now).order_by("minute")
    return [Minute(row.minute, row.attempts, row.failures, row.cpu_percent) for row in rows]


# --- What follows from them ------------------------------------------------------------------
def _judge_errors(minutes: list[Minute], now: datetime) -> None:
    if failing := conditions.failing(minutes, now):
        failures, attempts = (sum(getattr(each, of) for each in failing) for of in ("failures", "attempts"))
        alerts.open(
            ERRORS,
            severity=Severity.ERROR,
            title=f"More than {conditions.DEFAULT.error_rate:.0%} of attempts fail",
            body=f"{failures} of {attempts} attempts failed since {failing[0].at:%H:%M} UTC. Runs that "
            "failed have alerts of their own, which say why.",
            source=SOURCE,
        )
    elif conditions.calm(minutes, now):
        alerts.resolve(ERRORS)


def _judge_cpu(minutes: list[Minute], now: datetime) -> None:
    if busy := conditions.busy(minutes, now):
        alerts.open(
            CPU,
            severity=Severity.WARNING,
            title=f"CPU above {conditions.DEFAULT.cpu_high_percent:g} % for 10 minutes",
            body=f"The busiest machine with workers is at {busy[-1].cpu_percent:.1f} %. Workers are added, "
            f"one in ten minutes, up to {conditions.DEFAULT.most_extra} of them.",
            source=SOURCE,
        )
    elif conditions.at_ease(minutes, now):
        alerts.resolve(CPU)


def scale(minutes: list[Minute], now: datetime) -> Change | None:
    """Add a worker or take one back, where that is due; the row's lock makes two that decide take turns."""
    if conditions.capacity(minutes, backlog.extra(), None, now) is None:
        return None
    with transaction.atomic():
        Capacity.objects.get_or_create(pk=1, defaults={"changed_at": now - conditions.DEFAULT.pause})
        row = Capacity.objects.select_for_update().get(pk=1)
        change = conditions.capacity(minutes, row.extra_workers, row.changed_at, now)
        if change is None:
            return None
        logger.info("extra workers: %d to %d: %s", row.extra_workers, change.extra_workers, change.reason)
        row.extra_workers, row.reason, row.changed_at = change.extra_workers, change.reason, now
        row.save()
    return change
