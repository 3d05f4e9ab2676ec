"""Schedules are django-celery-beat rows; their slots become runs."""

import json
import logging
from datetime import datetime, timedelta
from typing import Any

from cronsim import CronSimError
from django.conf import settings
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from core.errors import InvalidInputError
from pipelines import ledger, registry
from pipelines.models import Run, RunQuerySet, Status, Trigger
from pipelines.registry import Pipeline
from pipelines.slots import Cron, Every, Slots, parse_duration

logger = logging.getLogger(__name__)

START = "pipelines.tasks.start_scheduled"
RECONCILE = "pipelines.tasks.reconcile"
RECONCILE_EVERY = timedelta(seconds=15)


# --- The rows --------------------------------------------------------------------------------
def ensure(**_signal: Any) -> None:
    """Create the schedules that are missing; what an administrator edited stays as it is.

    `COLLECT_EVERY`, where it is set, is an order and overrides the row of the pipeline that follows it.
    """
    if not PeriodicTask.objects.filter(task=RECONCILE).exists():
        _create("Repair the run ledger", RECONCILE, RECONCILE_EVERY)
    for pipeline in registry.scheduled():
        _ensure_pipeline(pipeline)


def _ensure_pipeline(pipeline: Pipeline) -> None:
    ordered = settings.COLLECT_EVERY if pipeline.follows_collect_every else ""
    wanted = parse_duration(ordered) if ordered else None
    row = next(iter(_rows(pipeline.name)), None)
    if row is None:
        every = wanted or pipeline.every or timedelta(days=1)
        _create(pipeline.title, START, every, pipeline=pipeline.name)
    elif wanted is not None and _slots(row) != Every(wanted):
        row.interval, row.crontab, row.solar, row.clocked = _interval(wanted), None, None, None
        row.save()


def _create(title: str, task: str, every: timedelta, **kwargs: str) -> None:
    taken = PeriodicTask.objects.filter(name=title).exists()
    PeriodicTask.objects.create(
        name=f"{title} ({task})" if taken else title,
        task=task,
        kwargs=json.dumps(kwargs),
        interval=_interval(every),
        start_time=timezone.now(),
        expire_seconds=max(15, min(3600, int(every.total_seconds()))),
    )


def _rows(pipeline: str) -> list[PeriodicTask]:
    """Return the pipeline's schedules, the oldest first, however their arguments are written."""
    rows = PeriodicTask.objects.filter(task=START).select_related("interval", "crontab").order_by("pk")
    return [row for row in rows if _pipeline_name(row) == pipeline]


def _pipeline_name(row: PeriodicTask) -> str:
    """Return what the row starts; empty when its arguments do not say."""
    try:
        name = json.loads(row.kwargs)["pipeline"]
    except (ValueError, KeyError, TypeError):
        return ""
    return str(name)


def _interval(every: timedelta) -> IntervalSchedule:
    seconds = int(every.total_seconds())
    period, length = next(
        (period, length)
        for period, length in (("days", 86400), ("hours", 3600), ("minutes", 60), ("seconds", 1))
        if seconds % length == 0
    )
    values = {"every": seconds // length, "period": period}
    found: IntervalSchedule | None = IntervalSchedule.objects.filter(**values).first()
    return found or IntervalSchedule.objects.create(**values)


def _slots(row: PeriodicTask) -> Slots | None:
    """Return the row's rhythm; None for a kind that has no slots (solar, clocked, less than a second)."""
    if row.interval is not None:
        period = timedelta(**{row.interval.period: row.interval.every})
        return Every(period) if period >= timedelta(seconds=1) else None
    if (cron := row.crontab) is not None:
        fields = (cron.minute, cron.hour, cron.day_of_month, cron.month_of_year, cron.day_of_week)
        return Cron(" ".join(fields), cron.timezone)
    return None


# --- The slots -------------------------------------------------------------------------------
def start_all_due() -> None:
    """Start the latest slot of each schedule that has not been started, late slots coalesced into one."""
    for row in PeriodicTask.objects.filter(task=START, enabled=True).select_related("interval", "crontab"):
        _start_due(row)


def start_due(pipeline: str) -> None:
    """Start the pipeline's latest slot when nobody has."""
    for row in _rows(pipeline):
        if row.enabled:
            _start_due(row)


def _start_due(row: PeriodicTask) -> None:
    """Start the row's latest slot; one that nobody can understand is told of and holds up no other."""
    now = timezone.now()
    try:
        pipeline = registry.get(_pipeline_name(row))
        slot = _latest_slot(row, now)
    except (InvalidInputError, CronSimError) as error:
        logger.error("The schedule %r starts nothing: %s", row.name, error)  # noqa: TRY400 - no news in a trace
        return
    if row.start_time is not None and slot < row.start_time:
        return
    runs = Run.objects.filter(pipeline=pipeline.name, scope="all")
    if runs.filter(scheduled_for=slot).exists():
        return
    if reason := _needless(runs, slot) or _too_late(pipeline, slot, now):
        ledger.skip(pipeline.name, slot=slot, reason=reason)
    else:
        ledger.start(pipeline.name, slot=slot, trigger=Trigger.SCHEDULE)


def lateness(now: datetime) -> dict[str, timedelta]:
    """Return how long each pipeline's latest slot has been due without a run; zero where it has one."""
    late: dict[str, timedelta] = {}
    for row in PeriodicTask.objects.filter(task=START, enabled=True).select_related("interval", "crontab"):
        pipeline = _pipeline_name(row)
        try:
            slot = _latest_slot(row, now)
        except (InvalidInputError, CronSimError):
            continue  # a schedule that starts nothing is told of where it should start something
        begun = row.start_time is not None and slot < row.start_time
        served = Run.objects.filter(pipeline=pipeline, scope="all", scheduled_for__gte=slot)
        late[pipeline] = timedelta(0) if begun or served.exists() else now - slot
    return late


def _latest_slot(row: PeriodicTask, now: datetime) -> datetime:
    if (slots := _slots(row)) is None:
        raise InvalidInputError("It must be a crontab, or an interval of a second or more.")
    return slots.latest(now)


def _needless(runs: RunQuerySet, slot: datetime) -> str:
    """Say what has done the slot's work already: a collection is not paid for twice."""
    done = runs.filter(status=Status.SUCCEEDED, started_at__gte=slot).first()
    return f"Done already by run {done.pk}, started at {done.started_at:%Y-%m-%d %H:%M} UTC." if done else ""


def _too_late(pipeline: Pipeline, slot: datetime, now: datetime) -> str:
    late = now - slot
    return f"Missed: found {late} late, and the grace is {pipeline.grace}." if late > pipeline.grace else ""


def every(pipeline: str) -> timedelta | None:
    """Return the distance of the pipeline's slots where its schedule is an interval."""
    row = next(iter(_rows(pipeline)), None)
    slots = _slots(row) if row else None
    return slots.period if isinstance(slots, Every) else None
