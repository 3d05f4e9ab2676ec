"""Instances and volumes as the rules take them, read from what was collected, in batches."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import numpy as np
from django.db.models import QuerySet

from analytics.savings import schedule, summaries
from analytics.savings.advice import Subject
from analytics.savings.following import Life, midnight
from analytics.savings.records import Disk, Machine
from analytics.savings.schedule import LEAST_WEEKS, Calendar, Rhythm
from analytics.savings.summaries import Day, Peak, Samples
from analytics.savings.usage import Floats, Usage
from collectors import bulk
from collectors.models import (
    CpuMetric,
    Instance,
    InstanceStateChange,
    MetricDay,
    MetricHour,
    MetricSeries,
    Volume,
)
from collectors.samples.rollups import SCALES
from core.period import Period

Row = TypeVar("Row", Instance, Volume)

BATCH = 500
USAGE_DAYS = 14
SCHEDULE_DAYS = 28

_SCALING_GROUP = "aws:autoscaling:groupName"
_HOUR_S = 3600
_PARTS = ("count", "sum", "max", "histogram")
_COLUMNS = [f"{metric}_{part}" for metric in SCALES for part in _PARTS]


@dataclass(frozen=True, slots=True)
class Clock:
    """As of when the estate is looked at: the whole days before, and their hours in a zone's weeks."""

    today: date
    calendar: Calendar

    @classmethod
    def at(cls, now: datetime, zone: ZoneInfo) -> "Clock":
        """Return the clock of a moment."""
        today = now.astimezone(UTC).date()
        end = int(midnight(today).timestamp()) // _HOUR_S
        hours = np.arange(end - 24 * SCHEDULE_DAYS, end, dtype=np.int64)
        return cls(today, schedule.calendar(hours, zone))

    @property
    def first_hour(self) -> int:
        """Return the first of the calendar's hours, counted from 1970."""
        start = midnight(self.today - timedelta(days=SCHEDULE_DAYS))
        return int(start.timestamp()) // _HOUR_S


@dataclass(slots=True)
class Found:
    """An instance, as the rules take it, and its volumes' rows."""

    instance: Instance
    subject: Subject
    volumes: list[int] = field(default_factory=list)


def batches(rows: "QuerySet[Row]") -> Iterator[list[Row]]:
    """Yield the rows by key, a query a batch: no cursor stays open while others compute."""
    last = 0
    while batch := list(rows.filter(pk__gt=last).order_by("pk")[:BATCH]):
        yield batch
        last = batch[-1].pk


def instances(clock: Clock) -> Iterator[list[Found]]:
    """Yield the instances that are there, in batches."""
    for batch in batches(Instance.objects.present().select_related("account")):
        yield _found(batch, clock)


def loose_volumes() -> Iterator[list[Volume]]:
    """Yield the volumes that are there and attached to nothing, in batches."""
    there = Volume.objects.filter(gone_at=None, attached_to="").select_related("account")
    yield from batches(there)


def disk(volume: Volume) -> Disk:
    """Return a volume as the rules take it."""
    return Disk(
        resource=volume.volume_id,
        region=volume.region,
        volume_type=volume.volume_type,
        size_gib=volume.size_gib,
        state=volume.state,
        since=volume.available_since,
    )


def machine(instance: Instance, life: Life) -> Machine:
    """Return an instance as the rules take it."""
    return Machine(
        resource=instance.instance_id,
        region=instance.region,
        instance_type=instance.instance_type,
        state=instance.state,
        platform=instance.platform,
        lifecycle=instance.lifecycle,
        scaling_group=instance.tags.get(_SCALING_GROUP, ""),
        since=since(instance, life),
    )


def since(instance: Instance, life: Life) -> datetime | None:
    """Return since when an instance is in its state: by EC2's word, or since that was first seen."""
    if instance.stopped_at is not None and instance.state == "stopped":
        return instance.stopped_at
    return life.changes[-1][0] if life.changes and life.changes[-1][1] == instance.state else None


def lives(keys: Sequence[int]) -> dict[int, Life]:
    """Return the states in which instances were found; `gone_at` is left to whoever knows it."""
    rows = InstanceStateChange.objects.filter(instance__in=keys).order_by("observed_at", "pk")
    found: defaultdict[int, list[tuple[datetime, str]]] = defaultdict(list)
    for key, at, state in rows.values_list("instance_id", "observed_at", "to_state"):
        found[key].append((at, state))
    return {key: Life(tuple(found[key])) for key in keys}


def _found(batch: Sequence[Instance], clock: Clock) -> list[Found]:
    disks, states = _disks(batch), lives([instance.pk for instance in batch])
    running = [instance for instance in batch if instance.state == "running"]
    period = Period(clock.today - timedelta(days=USAGE_DAYS), clock.today)
    used = usages({instance.pk: _first_day(instance) for instance in running}, period)
    weeks = _rhythms(running, clock)
    return [
        Found(
            instance,
            Subject(
                machine(instance, states[instance.pk]),
                tuple(map(disk, disks[instance.pk])),
                used.get(instance.pk),
                weeks.get(instance.pk),
            ),
            [volume.pk for volume in disks[instance.pk]],
        )
        for instance in batch
    ]


def _disks(batch: Sequence[Instance]) -> defaultdict[int, list[Volume]]:
    """Return the volumes of those that are stopped: of others, no rule asks."""
    stopped = {
        (instance.account_id, instance.region, instance.instance_id): instance.pk
        for instance in batch
        if instance.state == "stopped"
    }
    names = [instance_id for _, _, instance_id in stopped]
    found: defaultdict[int, list[Volume]] = defaultdict(list)
    for volume in Volume.objects.filter(gone_at=None, attached_to__in=names).order_by("pk"):
        if key := stopped.get((volume.account_id, volume.region, volume.attached_to)):
            found[key].append(volume)
    return found


def _first_day(instance: Instance) -> date | None:
    """Return the first whole day with the present type: percents of another one are something else."""
    return instance.type_since and instance.type_since.date() + timedelta(days=1)


# --- Usage -----------------------------------------------------------------------------------
def usages(first_days: dict[int, date | None], period: Period) -> dict[int, Usage]:
    """Return what instances used on the days of a period, each from its first day on, by their rows."""
    found: defaultdict[int, dict[date, dict[str, Any]]] = defaultdict(lambda: defaultdict(dict))
    for key, day, told in (*_sampled(list(first_days), period), *_daily(list(first_days), period)):
        first = first_days[key]
        if first is None or day >= first:
            found[key][day] |= told
    days = [period.start + timedelta(days=number) for number in range(period.days)]
    used = {
        key: summaries.usage([Day(**told[day]) if day in told else Day() for day in days])
        for key, told in found.items()
    }
    return {key: usage for key, usage in used.items() if usage is not None}


def _sampled(keys: list[int], period: Period) -> Iterator[tuple[int, date, dict[str, Any]]]:
    rows = MetricDay.objects.between(period.start, period.end).filter(series__instance__in=keys)
    for key, day, *figures in rows.order_by().values_list("series__instance", "date", *_COLUMNS):
        told = {
            metric: Samples(*figures[place : place + len(_PARTS)])
            for place, metric in zip(range(0, len(_COLUMNS), len(_PARTS)), SCALES, strict=True)
            if figures[place] and figures[place + len(_PARTS) - 1] is not None
        }
        yield key, day, told


def _daily(keys: list[int], period: Period) -> Iterator[tuple[int, date, dict[str, Any]]]:
    rows = CpuMetric.objects.between(period.start, period.end).filter(ec2__in=keys)
    columns = ("ec2_id", "date", "average_cpu", "maximum_cpu", "coverage")
    for key, day, *figures in rows.order_by().values_list(*columns):
        yield key, day, {"peak": Peak(*figures)}


# --- Weeks -----------------------------------------------------------------------------------
def _rhythms(batch: Sequence[Instance], clock: Clock) -> dict[int, Rhythm]:
    """Return the weeks of those whose hours are known for as long as a schedule needs."""
    hourly = _hourly([instance.pk for instance in batch], clock)
    found = {}
    for instance in batch:
        if (cpu := hourly.get(instance.pk)) is None:
            continue
        if (first := _first_day(instance)) is not None:
            cpu[: max(0, int(midnight(first).timestamp()) // _HOUR_S - clock.first_hour)] = np.nan
        known = np.flatnonzero(~np.isnan(cpu))
        if len(known) and len(cpu) - known[0] >= LEAST_WEEKS * schedule.CELLS:
            found[instance.pk] = schedule.rhythm(clock.calendar, cpu)
    return found


def _hourly(keys: list[int], clock: Clock) -> dict[int, Floats]:
    """Return the highest CPU of each of the calendar's hours, NaN where unknown."""
    start = midnight(clock.today - timedelta(days=SCHEDULE_DAYS))
    instance, hour, cpu = bulk.columns(
        f"""
        SELECT s.instance_id, (extract(epoch FROM h.hour) / 3600)::int, h.cpu_max
        FROM {MetricSeries._meta.db_table} s JOIN {MetricHour._meta.db_table} h ON h.series_id = s.id
        WHERE s.instance_id = ANY(%s::bigint[]) AND h.hour >= %s AND h.hour < %s AND h.cpu_max IS NOT NULL""",
        [bulk.array(keys), start, midnight(clock.today)],
        [np.int64, np.int32, np.float64],
    )
    found: dict[int, Floats] = {}
    for key in np.unique(instance):
        mine = instance == key
        grid = np.full(24 * SCHEDULE_DAYS, np.nan)
        grid[hour[mine] - clock.first_hour] = cpu[mine]
        found[int(key)] = grid
    return found
