"""What the inventory and the metrics know of instances and volumes over some days, in batches."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TypeVar

from django.db.models import Q, QuerySet, Sum

from analytics.carbon.footprint import Machine, Usage
from analytics.carbon.running import Change, Life, Load, Ran, ran
from analytics.carbon.score import Running, Storage
from analytics.savings.facts import catalogue
from collectors.models import CpuMetric, Instance, InstanceStateChange, MetricDay, Volume
from core.period import Period

Row = TypeVar("Row", Instance, Volume)

BATCH = 500
_GB = 1e9
_MIB_PER_GIB = 1024


@dataclass(frozen=True, slots=True)
class Observed:
    """An instance with what it is made of, and what it did."""

    instance: Instance
    machine: Machine
    ran: Ran
    usage: Usage

    @property
    def running(self) -> Running:
        """Return it as the score takes it; nothing is known to have run where no hour is."""
        return Running(
            self.machine.instance_type,
            self.instance.region,
            self.machine.vcpus,
            self.ran.hours or 0.0,
            self.ran.cpu_percent,
        )


def instances(period: Period) -> Iterator[list[Observed]]:
    """Yield, in batches, the instances that were there at any time in the period."""
    since, until = _midnight(period.start), _midnight(period.end)
    there = Instance.objects.filter(
        Q(gone_at=None) | Q(gone_at__gt=since),
        Q(launched_at__lt=until) | Q(first_seen__lt=until) | Q(launched_at=None),
    ).select_related("account")
    collected = _collected(period)
    for batch in _batches(there):
        yield _observed(batch, period, collected)


def volumes(period: Period) -> Iterator[list[tuple[Volume, float | None]]]:
    """Yield, in batches, the volumes that were there, each with the hours that it was; None is unknown."""
    since, until = _midnight(period.start), _midnight(period.end)
    there = Volume.objects.filter(
        Q(gone_at=None) | Q(gone_at__gt=since), Q(created_at__lt=until) | Q(created_at=None)
    ).select_related("account")
    for batch in _batches(there):
        yield [(volume, _hours(volume, since, until)) for volume in batch]


def storage() -> Storage | None:
    """Return the size of the volumes that are there now, and of those that are attached to nothing."""
    present = Volume.objects.filter(gone_at=None)
    sizes = present.aggregate(
        total=Sum("size_gib"), unattached=Sum("size_gib", filter=Q(attached_to=""), default=0)
    )
    return None if sizes["total"] is None else Storage(sizes["total"], sizes["unattached"])


def machine(instance_type: str) -> Machine:
    """Return what a type is made of; None is unknown."""
    facts = catalogue().get(instance_type)
    if facts is None:
        return Machine(instance_type, None, None)
    return Machine(instance_type, facts.vcpus, facts.memory_mib / _MIB_PER_GIB, facts.local_disk_gb)


def _batches(rows: "QuerySet[Row]") -> Iterator[list[Row]]:
    """Yield the rows by key, a query a batch: no cursor stays open while others compute."""
    last = 0
    while batch := list(rows.filter(pk__gt=last).order_by("pk")[:BATCH]):
        yield batch
        last = batch[-1].pk


def _observed(
    batch: Sequence[Instance], period: Period, collected: dict[tuple[str, str], set[date]]
) -> list[Observed]:
    keys = [instance.pk for instance in batch]
    changes, loads, sent = _changes(keys, period), _loads(keys, period), _sent(keys, period)
    days = [period.start + timedelta(days=count) for count in range(period.days)]
    found = []
    for instance in batch:
        life = Life(
            instance.state,
            instance.first_seen,
            instance.launched_at,
            instance.gone_at,
            changes.get(instance.pk, ()),
        )
        read = collected.get((instance.account.account_id, instance.region), set())
        figures = ran(life, loads.get(instance.pk, {}), collected=read, days=days)
        found.append(
            Observed(
                instance,
                machine(instance.instance_type),
                figures,
                _usage(figures, *sent.get(instance.pk, (None, 0.0))),
            )
        )
    return found


def _usage(figures: Ran, out_gb: float | None, network_hours: float) -> Usage:
    share = min(1.0, network_hours / figures.hours) if figures.hours else 1.0
    return Usage(figures.hours, figures.cpu_percent, figures.measured_share, out_gb, share)


def _changes(keys: list[int], period: Period) -> dict[int, list[Change]]:
    rows = InstanceStateChange.objects.filter(
        instance__in=keys, observed_at__gte=_midnight(period.start)
    ).order_by("observed_at", "pk")
    found: defaultdict[int, list[Change]] = defaultdict(list)
    for key, at, before, after in rows.values_list("instance_id", "observed_at", "from_state", "to_state"):
        found[key].append(Change(at, before, after))
    return found


def _loads(keys: list[int], period: Period) -> dict[int, dict[date, Load]]:
    rows = CpuMetric.objects.between(period.start, period.end).filter(ec2__in=keys)
    found: defaultdict[int, dict[date, Load]] = defaultdict(dict)
    for key, day, average, coverage in rows.order_by().values_list(
        "ec2_id", "date", "average_cpu", "coverage"
    ):
        found[key][day] = Load(average, coverage)
    return found


def _sent(keys: list[int], period: Period) -> dict[int, tuple[float, float]]:
    """Return the gigabytes that instances sent, and in how many hours that was measured."""
    days = MetricDay.objects.between(period.start, period.end).filter(
        series__instance__in=keys, network_out_count__gt=0
    )
    sums = days.order_by().values("series__instance_id").annotate(Sum("network_out_sum"), Sum("hours"))
    rows = sums.values_list("series__instance_id", "network_out_sum__sum", "hours__sum")
    return {key: (sent / _GB, float(hours)) for key, sent, hours in rows}


def _collected(period: Period) -> dict[tuple[str, str], set[date]]:
    """Return the days of which CPU was read, by account and region."""
    rows = CpuMetric.objects.between(period.start, period.end).order_by()
    found: defaultdict[tuple[str, str], set[date]] = defaultdict(set)
    for account, region, day in rows.values_list(
        "ec2__account__account_id", "ec2__region", "date"
    ).distinct():
        found[account, region].add(day)
    return found


def _hours(volume: Volume, since: datetime, until: datetime) -> float | None:
    if volume.created_at is None and volume.first_seen > since:
        return None
    start = max(since, volume.created_at or volume.first_seen)
    end = min(until, volume.gone_at or until)
    return max(0.0, (end - start).total_seconds() / 3600)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
