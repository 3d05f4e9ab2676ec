"""Schedules are django-celery-beat rows; what is due by them is in pipelines.due."""

import json
import logging
from datetime import datetime, timedelta
from typing import Any

from auditlog.context import disable_auditlog
from auditlog.registry import auditlog
from django.conf import settings
from django.db.models import Min, Q, QuerySet
from django.db.models.signals import pre_save
from django.utils import timezone
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

from pipelines import registry
from pipelines.registry import Pipeline
from pipelines.slots import Cron, Every, Slots, parse_duration

logger = logging.getLogger(__name__)

START = "pipelines.tasks.start_scheduled"
RECONCILE = "pipelines.tasks.reconcile"
RECONCILE_EVERY = timedelta(seconds=15)
# What is told of alerts is sent at once; this is for what waits for another attempt, or for the broker.
DELIVER = "alerts.tasks.deliver_due"
DELIVER_EVERY = timedelta(seconds=15)
WATCH = "pipelines.tasks.watch"
WATCH_EVERY = timedelta(minutes=1)

FRESHNESS = "pipelines.tasks.watch_freshness"
FRESHNESS_EVERY = timedelta(minutes=1)

# What a schedule starts and when; a change makes it another schedule.
_TERMS = ("task", "kwargs", "interval_id", "crontab_id", "enabled")
_LONGEST_EXPIRY_S = 3600


# --- The rows --------------------------------------------------------------------------------
def ensure(**_signal: Any) -> None:
    """Create the schedules that are missing; what an administrator edited stays as it is.

    `COLLECT_EVERY`, where it is set, is an order and overrides the row of the pipeline that follows it.
    """
    ensure_task("Repair the run ledger", RECONCILE, RECONCILE_EVERY)
    ensure_task("Deliver notifications", DELIVER, DELIVER_EVERY)
    ensure_task("Watch the platform", WATCH, WATCH_EVERY)
    ensure_task("Watch that each day's data are there in time", FRESHNESS, FRESHNESS_EVERY)
    for pipeline in registry.scheduled():
        ensure_pipeline(pipeline)


def ensure_task(title: str, task: str, every: timedelta) -> None:
    """Create the schedule of a task that starts no pipeline, unless it has one."""
    if not PeriodicTask.objects.filter(task=task).exists():
        _create(title, task, every)


def ensure_pipeline(pipeline: Pipeline) -> None:
    """Create the pipeline's schedule unless it has one, and let `COLLECT_EVERY` override it."""
    ordered = settings.COLLECT_EVERY if pipeline.follows_collect_every else ""
    wanted = parse_duration(ordered) if ordered else None
    row = next(iter(rows_of(pipeline.name)), None)
    if row is None:
        _create(pipeline.title, START, wanted or pipeline.every or pipeline.cron, pipeline=pipeline.name)
    elif wanted is not None and slots_of(row) != Every(wanted):
        row.interval, row.crontab, row.solar, row.clocked = _interval(wanted), None, None, None
        row.save()


def _create(title: str, task: str, rhythm: timedelta | Cron | None, **kwargs: str) -> None:
    """Create a schedule; that every database begins with it is no news for the audit log."""
    taken = PeriodicTask.objects.filter(name=title).exists()
    with disable_auditlog():
        PeriodicTask.objects.create(
            name=f"{title} ({task})" if taken else title,
            task=task,
            kwargs=json.dumps(kwargs),
            start_time=timezone.now(),
            **_when(rhythm),
        )


def _when(rhythm: timedelta | Cron | None) -> dict[str, Any]:
    if not isinstance(rhythm, timedelta):
        return {"crontab": _crontab(rhythm), "expire_seconds": _LONGEST_EXPIRY_S}
    expiry_s = max(15, min(_LONGEST_EXPIRY_S, int(rhythm.total_seconds())))
    return {"interval": _interval(rhythm), "expire_seconds": expiry_s}


def rows() -> "QuerySet[PeriodicTask]":
    """Return the schedules that start pipelines, the oldest first."""
    found: QuerySet[PeriodicTask] = PeriodicTask.objects.filter(task=START)
    return found.select_related("interval", "crontab").order_by("pk")


def rows_of(pipeline: str) -> list[PeriodicTask]:
    """Return the pipeline's schedules, the oldest first, however their arguments are written."""
    return [row for row in rows() if pipeline_of(row) == pipeline]


def pipeline_of(row: PeriodicTask) -> str:
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


def _crontab(rhythm: timedelta | Cron | None) -> CrontabSchedule | None:
    if not isinstance(rhythm, Cron):
        return None
    minute, hour, day, month, weekday = rhythm.expression.split()
    values = {
        "minute": minute,
        "hour": hour,
        "day_of_month": day,
        "month_of_year": month,
        "day_of_week": weekday,
        "timezone": rhythm.zone,
    }
    found: CrontabSchedule | None = CrontabSchedule.objects.filter(**values).first()
    return found or CrontabSchedule.objects.create(**values)


def slots_of(row: PeriodicTask) -> Slots | None:
    """Return the row's rhythm; None for a kind that has no slots (solar, clocked, less than a second)."""
    if row.interval is not None:
        period = timedelta(**{row.interval.period: row.interval.every})
        return Every(period) if period >= timedelta(seconds=1) else None
    if (cron := row.crontab) is not None:
        fields = (cron.minute, cron.hour, cron.day_of_month, cron.month_of_year, cron.day_of_week)
        return Cron(" ".join(fields), cron.timezone)
    return None


# --- When they begin -------------------------------------------------------------------------
def watch() -> None:
    """Have changes of schedules, intervals and crontabs seen before they are saved."""
    pre_save.connect(begin_anew, sender=PeriodicTask, dispatch_uid="pipelines.begin_anew")
    for kind in (IntervalSchedule, CrontabSchedule):
        pre_save.connect(begin_users_anew, sender=kind, dispatch_uid="pipelines.begin_users_anew")


def record() -> None:
    """Have the audit log tell who changed what is started when; what beat counts is no change."""
    auditlog.register(
        PeriodicTask,
        include_fields=[
            "name",
            "task",
            "args",
            "kwargs",
            "queue",
            "enabled",
            "one_off",
            "interval",
            "crontab",
        ],
    )
    auditlog.register(IntervalSchedule)
    auditlog.register(CrontabSchedule)


def begin_anew(
    instance: PeriodicTask, *, raw: bool = False, update_fields: frozenset[str] | None = None, **_signal: Any
) -> None:
    """Let a schedule begin now when what it starts, or when, is about to change: before, nothing was due.

    Beat saves its rows, too, to count what it sent; that changes none of this.
    """
    if raw or instance.task != START:
        return
    row = PeriodicTask.objects.filter(pk=instance.pk)
    terms = [term for term in _TERMS if _is_saved(term, update_fields)]
    stored = row.first()
    if stored is None or any(getattr(stored, term) != getattr(instance, term) for term in terms):
        instance.start_time = max(instance.start_time or timezone.now(), timezone.now())
        if not _is_saved("start_time", update_fields):
            begin_now(row)


def _is_saved(column: str, update_fields: frozenset[str] | None) -> bool:
    """Say whether a save with these `update_fields` writes the column; they may name what a key refers to."""
    return update_fields is None or not update_fields.isdisjoint({column, column.removesuffix("_id")})


def begin_users_anew(
    instance: IntervalSchedule | CrontabSchedule, *, raw: bool = False, **_signal: Any
) -> None:
    """Let the schedules of an interval or a crontab begin now when that is about to change."""
    stored = type(instance).objects.filter(pk=instance.pk).first()
    if not raw and stored is not None and str(stored) != str(instance):
        begin_now(instance.periodictask_set.filter(task=START))


def begin_now(rows: "QuerySet[PeriodicTask]") -> None:
    now = timezone.now()
    rows.filter(Q(start_time=None) | Q(start_time__lt=now)).update(start_time=now)


# --- What they say -----------------------------------------------------------------------------
def every(pipeline: str) -> timedelta | None:
    """Return the distance of the pipeline's slots where its schedule is an interval."""
    row = next(iter(rows_of(pipeline)), None)
    slots = slots_of(row) if row else None
    return slots.period if isinstance(slots, Every) else None


def first_due(task: str) -> datetime | None:
    """Return since when a schedule has been sending a task; None where none does."""
    rows = PeriodicTask.objects.filter(task=task, enabled=True)
    began: datetime | None = rows.aggregate(began=Min("start_time"))["began"]
    return began
