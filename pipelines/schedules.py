"""Schedules are django-celery-beat rows; their slots become runs."""

import json
import logging
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from auditlog.context import disable_auditlog
from auditlog.registry import auditlog
from cronsim import CronSimError
from django.conf import settings
from django.db.models import Max, Min, Q, QuerySet
from django.db.models.signals import pre_save
from django.utils import timezone
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

from core.errors import InvalidInputError
from pipelines import ledger, registry
from pipelines.misfires import Misfire, reason_to_skip
from pipelines.models import Run, RunQuerySet, Status, Trigger
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

# So many slots of one schedule get a row at a time: ten days of quarter-hours, or a night of minutes.
MOST_SLOTS = 1000

_INSTANT = timedelta(microseconds=1)
# What a schedule starts and when; a change makes it another schedule.
_TERMS = ("task", "kwargs", "interval_id", "crontab_id", "enabled")
_LONGEST_EXPIRY_S = 3600
# From one 29 February to the next.
_LONGEST_REST = timedelta(days=8 * 366)
# A row that nobody can understand: no interval, no such day, more days than there are.
_NO_SLOTS = (InvalidInputError, CronSimError, OverflowError)


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
    elif wanted is not None and _slots(row) != Every(wanted):
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


def rows_of(pipeline: str) -> list[PeriodicTask]:
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


def _slots(row: PeriodicTask) -> Slots | None:
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
            _begin_now(row)


def _is_saved(column: str, update_fields: frozenset[str] | None) -> bool:
    """Say whether a save with these `update_fields` writes the column; they may name what a key refers to."""
    return update_fields is None or not update_fields.isdisjoint({column, column.removesuffix("_id")})


def begin_users_anew(
    instance: IntervalSchedule | CrontabSchedule, *, raw: bool = False, **_signal: Any
) -> None:
    """Let the schedules of an interval or a crontab begin now when that is about to change."""
    stored = type(instance).objects.filter(pk=instance.pk).first()
    if not raw and stored is not None and str(stored) != str(instance):
        _begin_now(instance.periodictask_set.filter(task=START))


def _begin_now(rows: "QuerySet[PeriodicTask]") -> None:
    now = timezone.now()
    rows.filter(Q(start_time=None) | Q(start_time__lt=now)).update(start_time=now)


# --- What is due -----------------------------------------------------------------------------
def start_all_due() -> None:
    """Start or note the slots of every schedule that have no run; a disabled one keeps beginning anew."""
    _begin_now(PeriodicTask.objects.filter(task=START, enabled=False))
    by_pipeline: dict[str, list[PeriodicTask]] = {}
    for row in _enabled():
        by_pipeline.setdefault(_pipeline_name(row), []).append(row)
    for name, rows in by_pipeline.items():
        _start_due(name, rows)


def start_due(pipeline: str) -> None:
    """Start or note the pipeline's slots that have no run."""
    _start_due(pipeline, [row for row in rows_of(pipeline) if row.enabled])


def _start_due(name: str, rows: list[PeriodicTask]) -> None:
    """Start or note what is due; rows that nobody can understand are told of and hold up no other."""
    now = timezone.now()
    try:
        pipeline = registry.get(name)
    except InvalidInputError as error:
        _tell(rows, error)
        return
    if pipeline.misfire is not Misfire.SKIP and _runs(name).active().exists():
        return  # What it will have done is known when it has ended.
    if missed := _missed(name, rows, now):
        _settle(pipeline, missed, now)


def _missed(pipeline: str, rows: list[PeriodicTask], now: datetime) -> list[datetime]:
    """Return the slots without a run after the last one that a schedule dealt with, the oldest first."""
    by_schedule = _runs(pipeline).filter(trigger=Trigger.SCHEDULE, parent=None)
    last = by_schedule.aggregate(slot=Max("scheduled_for"))["slot"]
    due: set[datetime] = set()
    for row in rows:
        try:
            due.update(_due(row, last, now))
        except _NO_SLOTS as error:
            _tell([row], error)
    taken = _runs(pipeline).filter(scheduled_for__in=due).values_list("scheduled_for", flat=True)
    return sorted(due.difference(taken))


def _due(row: PeriodicTask, last: datetime | None, now: datetime) -> deque[datetime]:
    """Return the row's slots after `last`, from its start on; of very many, the latest."""
    slots = _rhythm(row)
    kept: deque[datetime] = deque(maxlen=MOST_SLOTS)
    cut = 0
    for number, slot in enumerate(slots.between(_before_first(row, slots, last, now), now), start=1):
        kept.append(slot)
        cut = number - len(kept)
    if cut:
        logger.warning(
            "The schedule %r missed too much: %d slots before %s have no run", row.name, cut, kept[0]
        )
    return kept


def _before_first(row: PeriodicTask, slots: Slots, last: datetime | None, now: datetime) -> datetime:
    """Return the moment after which slots count; without any trace of a beginning, the latest does."""
    start = row.start_time and row.start_time - _INSTANT
    known = [moment for moment in (last, start) if moment is not None]
    return max(known) if known else slots.latest(now) - _INSTANT


def _settle(pipeline: Pipeline, missed: list[datetime], now: datetime) -> None:
    """Note slots as skipped up to the first one that is started; what comes after it waits for its end."""
    done = _done_since(missed[0], pipeline)
    for slot in missed:
        reason = _needless(slot, done) or reason_to_skip(
            slot, latest=missed[-1], policy=pipeline.misfire, grace=pipeline.grace, now=now
        )
        if not reason:
            ledger.start(pipeline.name, slot=slot, trigger=Trigger.SCHEDULE)
            return
        ledger.skip(pipeline.name, slot=slot, reason=reason)


def _done_since(slot: datetime, pipeline: Pipeline) -> Run | None:
    """Return the last run to begin since that did all and succeeded; none makes up where each slot counts."""
    if pipeline.misfire is Misfire.ALL:
        return None
    done = _runs(pipeline.name).whole().filter(status=Status.SUCCEEDED, started_at__gte=slot)
    return done.order_by("-started_at").first()


def _needless(slot: datetime, done: Run | None) -> str:
    """Say what has done the slot's work already: a collection is not paid for twice."""
    if done is None or done.started_at is None or done.started_at < slot:
        return ""
    return f"Done already by run {done.pk}, started at {done.started_at:%Y-%m-%d %H:%M} UTC."


def lateness(now: datetime) -> dict[str, timedelta]:
    """Return how long each pipeline's latest slot has been due without a run; zero where it has one."""
    late: dict[str, timedelta] = {}
    for row in _enabled():
        pipeline = _pipeline_name(row)
        # A schedule that starts nothing is told of where it should start something.
        with suppress(*_NO_SLOTS):
            late[pipeline] = max(_lateness(row, pipeline, now), late.get(pipeline, timedelta(0)))
    return late


def _lateness(row: PeriodicTask, pipeline: str, now: datetime) -> timedelta:
    slot = _rhythm(row).latest(now)
    begun = row.start_time is None or row.start_time <= slot
    due = begun and not _runs(pipeline).filter(scheduled_for__gte=slot).exists()
    return now - slot if due else timedelta(0)


def next_due(now: datetime) -> dict[str, datetime]:
    """Return when each pipeline is due next by its schedules; it is left out where that is never."""
    due: dict[str, datetime] = {}
    for row in _enabled():
        after = max(now, row.start_time - _INSTANT if row.start_time else now)
        # A schedule that starts nothing is told of where it should start something.
        with suppress(*_NO_SLOTS):
            for slot in islice(_rhythm(row).between(after, after + _LONGEST_REST), 1):
                name = _pipeline_name(row)
                due[name] = min(slot, due.get(name, slot))
    return due


def _enabled() -> "QuerySet[PeriodicTask]":
    rows: QuerySet[PeriodicTask] = PeriodicTask.objects.filter(task=START, enabled=True)
    return rows.select_related("interval", "crontab")


def _runs(pipeline: str) -> RunQuerySet:
    return Run.objects.filter(pipeline=pipeline, scope="all")


def _rhythm(row: PeriodicTask) -> Slots:
    """Return the row's rhythm. Raises: InvalidInputError for a kind that has none."""
    if (slots := _slots(row)) is None:
        raise InvalidInputError("It must be a crontab, or an interval of a second or more.")
    return slots


def _tell(rows: Iterable[PeriodicTask], error: Exception) -> None:
    for row in rows:
        logger.error("The schedule %r starts nothing: %s", row.name, error)


def every(pipeline: str) -> timedelta | None:
    """Return the distance of the pipeline's slots where its schedule is an interval."""
    row = next(iter(rows_of(pipeline)), None)
    slots = _slots(row) if row else None
    return slots.period if isinstance(slots, Every) else None


def first_due(task: str) -> datetime | None:
    """Return since when a schedule has been sending a task; None where none does."""
    rows = PeriodicTask.objects.filter(task=task, enabled=True)
    began: datetime | None = rows.aggregate(began=Min("start_time"))["began"]
    return began


def last_due(rows: Iterable[PeriodicTask], after: datetime, until: datetime) -> datetime | None:
    """Return the last slot in (after, until] of those schedules that are enabled, from their start on."""
    due: list[datetime] = []
    for row in rows:
        # A schedule that starts nothing is told of where it should start something.
        with suppress(*_NO_SLOTS):
            slot = _rhythm(row).latest(until)
            if row.enabled and slot > max(after, (row.start_time or slot) - _INSTANT):
                due.append(slot)
    return max(due, default=None)


def slots_a_day(pipeline: str) -> int:
    """Return how often the pipeline's schedules are due in the coming 24 hours."""
    now = timezone.now()
    due: set[datetime] = set()
    for row in rows_of(pipeline):
        # A schedule that starts nothing is told of where it should start something.
        with suppress(*_NO_SLOTS):
            due.update(_rhythm(row).between(now, now + timedelta(days=1)) if row.enabled else ())
    return len(due)
