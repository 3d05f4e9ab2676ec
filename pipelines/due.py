"""What is due by the schedules: each slot becomes a run, or is noted as let pass."""

import logging
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import islice

from cronsim import CronSimError
from django.db.models import Max, QuerySet
from django.utils import timezone
from django_celery_beat.models import PeriodicTask

from core.errors import InvalidInputError
from pipelines import ledger, registry, schedules
from pipelines.misfires import Misfire, reason_to_skip
from pipelines.models import Run, RunQuerySet, Status, Trigger
from pipelines.registry import Pipeline
from pipelines.slots import Slots

logger = logging.getLogger(__name__)

# So many slots of one schedule get a row at a time: ten days of quarter-hours, or a night of minutes.
MOST_SLOTS = 1000

_INSTANT = timedelta(microseconds=1)
# From one 29 February to the next.
_LONGEST_REST = timedelta(days=8 * 366)
# A row that nobody can understand: no interval, no such day, more days than there are. It is told of where it
# should start something, and passed over elsewhere.
_NO_SLOTS = (InvalidInputError, CronSimError, OverflowError)


def start_all_due() -> None:
    """Start or note the slots of every schedule that have no run; a disabled one keeps beginning anew."""
    schedules.begin_now(PeriodicTask.objects.filter(task=schedules.START, enabled=False))
    by_pipeline: dict[str, list[PeriodicTask]] = {}
    for row in _enabled():
        by_pipeline.setdefault(schedules.pipeline_of(row), []).append(row)
    for name, rows in by_pipeline.items():
        _start_due(name, rows)


def start_due(pipeline: str) -> None:
    """Start or note the pipeline's slots that have no run."""
    _start_due(pipeline, [row for row in schedules.rows_of(pipeline) if row.enabled])


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
        pipeline = schedules.pipeline_of(row)
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
        with suppress(*_NO_SLOTS):
            for slot in islice(_rhythm(row).between(after, after + _LONGEST_REST), 1):
                name = schedules.pipeline_of(row)
                due[name] = min(slot, due.get(name, slot))
    return due


def _enabled() -> "QuerySet[PeriodicTask]":
    rows: QuerySet[PeriodicTask] = PeriodicTask.objects.filter(task=schedules.START, enabled=True)
    return rows.select_related("interval", "crontab")


def _runs(pipeline: str) -> RunQuerySet:
    return Run.objects.filter(pipeline=pipeline, scope="all")


def _rhythm(row: PeriodicTask) -> Slots:
    """Return the row's rhythm. Raises: InvalidInputError for a kind that has none."""
    if (slots := schedules.slots_of(row)) is None:
        raise InvalidInputError("It must be a crontab, or an interval of a second or more.")
    return slots


def _tell(rows: Iterable[PeriodicTask], error: Exception) -> None:
    for row in rows:
        logger.error("The schedule %r starts nothing: %s", row.name, error)


def last_due(rows: Iterable[PeriodicTask], after: datetime, until: datetime) -> datetime | None:
    """Return the last slot in (after, until] of those schedules that are enabled, from their start on."""
    due: list[datetime] = []
    for row in rows:
        with suppress(*_NO_SLOTS):
            slot = _rhythm(row).latest(until)
            if row.enabled and slot > max(after, (row.start_time or slot) - _INSTANT):
                due.append(slot)
    return max(due, default=None)


def slots_a_day(pipeline: str) -> int:
    """Return how often the pipeline's schedules are due in the coming 24 hours."""
    now = timezone.now()
    due: set[datetime] = set()
    for row in schedules.rows_of(pipeline):
        with suppress(*_NO_SLOTS):
            due.update(_rhythm(row).between(now, now + timedelta(days=1)) if row.enabled else ())
    return len(due)
