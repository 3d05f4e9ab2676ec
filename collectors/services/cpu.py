"""Daily CPU figures per instance, from CloudWatch."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from itertools import groupby
from math import ceil
from operator import itemgetter

from django.db.models import Exists, Max, OuterRef, Q
from django.utils import timezone

from collectors import bulk
from collectors.aws import cpu
from collectors.aws.cpu import CpuDay
from collectors.aws.session import Cloud
from collectors.models import CloudAccount, CpuMetric, Instance, InstanceQuerySet, InstanceStateChange
from collectors.services import budget, history, rates
from collectors.services.access import AccountsHandler, batched
from pipelines import windows as asked_for
from pipelines.registry import Counts, PlannedStep, no_rows
from pipelines.windows import Window

FIRST_WINDOW = timedelta(days=30)
BATCH = 6 * cpu.batch_size(2)
"""Instances a step: full calls where only the last days are read, as on most days."""

# Points arrive minutes late, so that the last stored day and the one before it may have changed.
REREAD = timedelta(days=1)
# An instance that was first seen, stopped or gone this recently may have figures nobody has read yet.
RECENT = timedelta(days=2)

_COLUMNS = (
    "ec2_id",
    "instance_id",
    "date",
    "average_cpu",
    "maximum_cpu",
    "samples",
    "coverage",
    "from_samples",
)


class CpuHandler(AccountsHandler):
    """Reads the load of the instances that the inventory knows, in batches of an account and a region.

    Without days that the run was asked for, an instance is read from where its figures end; with them, all
    are read that were there on one of these days.
    """

    def plan(self) -> Iterator[PlannedStep]:
        """Return a step for each account. Raises: InvalidInputError for days that AWS keeps no more."""
        if (window := asked_for.asked(self._claim.run)) is not None:
            history.reachable(window, "cpu", today=budget.today())
        return super().plan()

    def parts(self, account: CloudAccount, door: Cloud) -> Iterator[PlannedStep]:
        window = asked_for.asked(self._claim.run)
        if window is None:
            yield from _batches(account, worth_asking(), {})
            return
        for part in history.parts(window, until=_tomorrow()):
            days = {"start": part.start.isoformat(), "end": part.end.isoformat()}
            yield from _batches(account, there_in(part), days, before=f"{part.start}.")

    def do_part(self, account: CloudAccount, door: Cloud, step: PlannedStep) -> Counts:
        region = step.name.split("/")[1]
        parts, end = _to_read(step)
        calls = sum(ceil(len(ids) / cpu.batch_size((end - start).days)) for start, ids in parts)
        points = sum(rates.points(cpu.points(len(ids), end - start), end - start) for start, ids in parts)
        self.admit(account, region, GetMetricData=calls, points=points)
        counts = no_rows()
        for start, ids in parts:
            for batch in cpu.daily_cpu(door, region, list(ids), start, end):
                with self._claim.writing():
                    counts.update(store(batch, ids))
        if parts:
            self._claim.note(start=parts[0][0].isoformat(), end=end.isoformat())
        return counts


def _batches(
    account: CloudAccount, instances: InstanceQuerySet, days: dict[str, str], *, before: str = ""
) -> Iterator[PlannedStep]:
    """Yield the steps that read these instances of an account."""
    found = instances.filter(account=account).order_by("region", "pk").values_list("region", "pk")
    for region, group in groupby(found.iterator(), key=itemgetter(0)):
        for number, batch in enumerate(batched((row for _, row in group), BATCH), start=1):
            name = f"{account.account_id}/{region}/cpu/{before}{number}"
            yield PlannedStep(name, {"rows": batch}, inputs={"instances": len(batch), **days})


def _to_read(step: PlannedStep) -> tuple[list[tuple[date, dict[str, int]]], date]:
    """Return the first days to read from, each with its instances, and the day to read to (exclusive)."""
    rows = step.payload["rows"]
    if "start" not in step.inputs:
        return windows(rows, budget.today()), _tomorrow()
    ids = dict(Instance.objects.filter(pk__in=rows).values_list("instance_id", "pk"))
    start, end = (date.fromisoformat(step.inputs[name]) for name in ("start", "end"))
    return ([(start, ids)] if ids else []), end


def _tomorrow() -> date:
    return budget.today() + timedelta(days=1)


def there_in(window: Window) -> InstanceQuerySet:
    """Return the instances that were there on one of these days, as far as the inventory knows."""
    launched = Q(launched_at=None) | Q(launched_at__date__lt=window.end)
    stayed = Q(gone_at=None) | Q(gone_at__date__gte=window.start)
    return Instance.objects.filter(launched, stayed)


def worth_asking() -> InstanceQuerySet:
    """Return the instances CloudWatch may know something new about: running, or lately stopped or gone."""
    recent = timezone.now() - RECENT
    changed = InstanceStateChange.objects.filter(instance=OuterRef("pk"), observed_at__gte=recent)
    running = Q(state="running", gone_at=None)
    return Instance.objects.filter(running | Q(gone_at__gte=recent) | Exists(changed))


def windows(rows: Sequence[int], today: date) -> list[tuple[date, dict[str, int]]]:
    """Return the first days to read from, each with its instances (their rows by instance id).

    An instance is read from where its own figures end, so that none is lost to a call that failed; one
    without any figure is read 30 days back. Figures added up from samples do not count: they tell nothing of
    the days before them.
    """
    asked = Instance.objects.filter(pk__in=rows).annotate(
        last=Max("cpu__date", filter=Q(cpu__from_samples=False))
    )
    earliest = today - FIRST_WINDOW
    starts: defaultdict[date, dict[str, int]] = defaultdict(dict)
    for instance_id, row, last in asked.values_list("instance_id", "pk", "last"):
        start = max(earliest, last - REREAD) if last else earliest
        starts[start][instance_id] = row
    return sorted(starts.items(), key=itemgetter(0))


def store(batch: list[CpuDay], ids: dict[str, int]) -> Counts:
    """Merge the figures into the stored ones; for use inside a transaction.

    A day of which samples cover more hours stays as it is.
    """
    rows = [
        (
            ids[day.instance_id],
            day.instance_id,
            day.date,
            day.average,
            day.maximum,
            day.samples,
            day.coverage,
            False,
        )
        for day in batch
    ]
    with bulk.staged(CpuMetric, _COLUMNS, rows, key=("ec2_id", "date")) as stage:
        return stage.upsert(unless="t.from_samples AND t.coverage > EXCLUDED.coverage")
