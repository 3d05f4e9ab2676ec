"""Schedules are django-celery-beat rows; their slots become runs."""

import json
import logging
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from pipelines import ledger, registry
from pipelines.models import Run, RunQuerySet, Trigger
from pipelines.registry import Pipeline
from pipelines.slots import Cron, Every, Slots, parse_duration

logger = logging.getLogger(__name__)

START = "pipelines.tasks.start_scheduled"
RECONCILE = "pipelines.tasks.reconcile"
RECONCILE_EVERY = timedelta(seconds=15)


# --- The rows --------------------------------------------------------------------------------
def ensure(**_signal: Any) -> None:
    """Create the schedules that are missing; what an administrator edited stays as it is.

    `COLLECT_EVERY`, where it is set, is an order and overrides the row.
    """
    _ensure_row("Repair the run ledger", RECONCILE, RECONCILE_EVERY)
    for pipeline in registry.scheduled():
        _ensure_pipeline(pipeline)


def _ensure_pipeline(pipeline: Pipeline) -> None:
    wanted = parse_duration(settings.COLLECT_EVERY) if settings.COLLECT_EVERY else None
    row = _ensure_row(
        pipeline.title, START, wanted or pipeline.every or timedelta(days=1), pipeline=pipeline.name
    )
    if wanted is not None and _slots(row) != Every(wanted):
        row.interval, row.crontab, row.solar, row.clocked = _interval(wanted), None, None, None
        row.save()


def _ensure_row(title: str, task: str, every: timedelta, **kwargs: str) -> PeriodicTask:
    row, _created = PeriodicTask.objects.get_or_create(
        task=task,
        kwargs=json.dumps(kwargs),
        defaults={
            "name": title,
            "interval": _interval(every),
            "start_time": timezone.now(),
            "expire_seconds": max(15, min(3600, int(every.total_seconds()))),
        },
    )
    return row


def _interval(every: timedelta) -> IntervalSchedule:
    seconds = int(every.total_seconds())
    period, length = next(
        (period, length)
        for period, length in (("days", 86400), ("hours", 3600), ("minutes", 60), ("seconds", 1))
        if seconds % length == 0
    )
    row, _created = IntervalSchedule.objects.get_or_create(every=seconds // length, period=period)
    return row


def _slots(row: PeriodicTask) -> Slots | None:
    """Return the row's rhythm; None for a kind that has no slots (solar, clocked)."""
    if row.interval is not None:
        return Every(timedelta(**{row.interval.period: row.interval.every}))
    if (cron := row.crontab) is not None:
        fields = (cron.minute, cron.hour, cron.day_of_month, cron.month_of_year, cron.day_of_week)
        return Cron(" ".join(fields), cron.timezone)
    return None


# --- The slots -------------------------------------------------------------------------------
def start_all_due() -> None:
    """Start the latest slot of each schedule that has not been started, late slots coalesced into one."""
    for row in PeriodicTask.objects.filter(task=START, enabled=True).select_related("interval", "crontab"):
        _start_due(row, timezone.now())


def start_due(pipeline: str) -> None:
    """Start the pipeline's latest slot when nobody has."""
    for row in PeriodicTask.objects.filter(
        task=START, enabled=True, kwargs=json.dumps({"pipeline": pipeline})
    ):
        _start_due(row, timezone.now())


def _start_due(row: PeriodicTask, now: datetime) -> None:
    pipeline = registry.get(json.loads(row.kwargs)["pipeline"])
    slots = _slots(row)
    if slots is None:
        logger.error("The schedule %r must be an interval or a crontab; nothing is started by it", row.name)
        return
    slot = slots.latest(now)
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
        pipeline, slots = json.loads(row.kwargs)["pipeline"], _slots(row)
        if slots is None:
            continue
        slot = slots.latest(now)
        begun = row.start_time is not None and slot < row.start_time
        served = Run.objects.filter(pipeline=pipeline, scope="all", scheduled_for__gte=slot)
        late[pipeline] = timedelta(0) if begun or served.exists() else now - slot
    return late


def _needless(runs: RunQuerySet, slot: datetime) -> str:
    """Say what has done the slot's work already: a collection is not paid for twice."""
    done = runs.collected().filter(started_at__gte=slot).first()
    return f"Done already by run {done.pk}, started at {done.started_at:%Y-%m-%d %H:%M} UTC." if done else ""


def _too_late(pipeline: Pipeline, slot: datetime, now: datetime) -> str:
    late = now - slot
    return f"Missed: found {late} late, and the grace is {pipeline.grace}." if late > pipeline.grace else ""


def every(pipeline: str) -> timedelta | None:
    """Return the distance of the pipeline's slots where its schedule is an interval."""
    row = PeriodicTask.objects.filter(task=START, kwargs=json.dumps({"pipeline": pipeline})).first()
    slots = _slots(row) if row else None
    return slots.period if isinstance(slots, Every) else None
