"""The metric samples of running instances, every hour, from where the last reading ended."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from math import ceil
from typing import TYPE_CHECKING, NamedTuple

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from collectors.aws import metrics
from collectors.aws.metricdata import Window, most_queries
from collectors.aws.metrics import PERIOD_S, Readings, Target
from collectors.aws.session import Cloud
from collectors.models import CloudAccount, Instance, MemoryListing, MetricSeries
from collectors.samples.partitions import midnight, oldest_day
from collectors.samples.store import store
from collectors.services import rates
from collectors.services.access import batched
from collectors.services.inventory import InventoryHandler, Page, Records, mark_gone
from core.errors import CloudIntelError
from pipelines import schedules
from pipelines.models import Run, Status
from pipelines.registry import Counts, PlannedStep, no_rows

if TYPE_CHECKING:
    from collectors.samples.batch import Batch

PIPELINE = "metrics"
BATCH = 500
"""Instances a step: three metrics of each are three full calls."""

PAST_BATCH = 20
"""Instances a step where weeks are read: half a million points for 28 days."""

# What a series that was never read is read of, unless the readings follow closer upon each other.
FIRST_WINDOW = timedelta(hours=1)
# Points appear two to three minutes late: the last ones are left for the next reading, which goes back a bit.
SETTLING = timedelta(minutes=3)
OVERLAP = timedelta(minutes=10)
LONGEST_WINDOW = metrics.MOST_PERIODS * timedelta(seconds=PERIOD_S)
RELIST_AFTER = timedelta(hours=23)


class Series(NamedTuple):
    """What is read of one instance: under which key, up to when it was, and where its memory is."""

    key: int
    instance_row: int
    instance_id: str
    read_through: datetime | None
    memory: dict[str, str] | None


class MetricsHandler(InventoryHandler):
    """Scans the instances; what runs on a page is read, in batches, as soon as the page is stored.

    Once a day, looks for the instances that publish their memory.
    """

    kinds = ("instances",)

    def do_part(self, account: CloudAccount, door: Cloud, step: PlannedStep) -> Counts:
        match step.name.split("/"):
            case [_, region, "metrics", _]:
                return self._read(account, door, region, step)
            case [_, region, "past", _]:
                return self._read_past(account, door, region, step)
            case [_, _, "memory", _]:
                return self._find_memory(account, door, step)
            case _:
                counts = super().do_part(account, door, step)
                return Counts({f"instances_{name}": count for name, count in counts.items()})

    # --- After a page ------------------------------------------------------------------------
    def follow(self, account: CloudAccount, page: Page, records: Records) -> None:
        """Add the steps that read what runs on the page, and one that looks for memory when it is time."""
        ids = [record.instance_id for record in records if record.state == "running"]  # type: ignore[union-attr]
        there = Instance.objects.filter(account=account, region=page.region, instance_id__in=ids)
        rows = there.order_by("pk").values_list("pk", flat=True)
        steps = [
            PlannedStep(
                f"{page.account_id}/{page.region}/metrics/{page.number}.{number}",
                {"rows": batch},
                inputs={"region": page.region, "instances": len(batch)},
            )
            for number, batch in enumerate(batched(rows, BATCH), start=1)
        ]
        if steps and _listing_is_due(account, page.region):
            steps.insert(0, Page(page.account_id, page.region, "memory").step())
        self._claim.add(steps)

    # --- A batch -----------------------------------------------------------------------------
    def _read(self, account: CloudAccount, door: Cloud, region: str, step: PlannedStep) -> Counts:
        """Read what the instances measured since their last reading, and store it with how far it goes.

        What was read before a call failed is stored, and a retry reads the rest.
        """
        series = {one.instance_id: one for one in self._series(step.payload["rows"])}
        if not series:
            return no_rows()
        window = window_of((one.read_through for one in series.values()), timezone.now())
        targets = [Target(one.instance_id, one.memory) for one in series.values()]
        self._claim.note(start=window.start.isoformat(), end=window.end.isoformat())
        self._admit_reading(account, region, targets, window)
        done: list[Readings] = []
        try:
            done.extend(metrics.readings(door, region, targets, window))
        except CloudIntelError:
            told = sum(len(readings.targets) for readings in done)
            if told:
                left = [series[target.instance_id].instance_row for target in targets[told:]]
                self._store_readings(done, series, window, left)
            raise
        return self._store_readings(done, series, window, [])

    def _admit_reading(
        self, account: CloudAccount, region: str, targets: Sequence[Target], window: Window
    ) -> None:
        queries = metrics.metric_queries(len(targets), sum(bool(target.memory) for target in targets))
        periods = (window.end - window.start) // timedelta(seconds=PERIOD_S)
        points = rates.points(queries * periods, timezone.now() - window.start)
        calls = ceil(queries / most_queries(window, PERIOD_S))
        self.admit(account, region, GetMetricData=calls, points=points)

    def _series(self, rows: Sequence[int]) -> list[Series]:
        """Return the series of those instances that still run; the missing ones are created."""
        running = Instance.objects.running().filter(pk__in=rows).order_by("pk")
        found = running.values_list(
            "metric_series",
            "pk",
            "instance_id",
            "metric_series__read_through",
            "metric_series__memory_dimensions",
        )
        if missing := [row for key, row, *_ in found if key is None]:
            with self._claim.writing():
                MetricSeries.objects.bulk_create(
                    [MetricSeries(instance_id=row) for row in missing], ignore_conflicts=True
                )
            found = found.all()
        return [Series(*one) for one in found]

    def _store_readings(
        self, done: Sequence[Readings], series: Mapping[str, Series], window: Window, left: list[int]
    ) -> Counts:
        """Store what was read; what is left is what a retry will do."""
        keys = {instance_id: one.key for instance_id, one in series.items()}
        with self._claim.writing():
            counts = store(samples_of(done, keys))
            read = [keys[target.instance_id] for readings in done for target in readings.targets]
            MetricSeries.objects.filter(pk__in=read).update(read_through=window.end)
            self._add_past(series, read, window.start)
            if left:
                self._claim.remember({"rows": left}, counts)
        return counts

    # --- The past ----------------------------------------------------------------------------
    def _add_past(self, series: Mapping[str, Series], read: Sequence[int], end: datetime) -> None:
        """Add steps that read the weeks before the first reading of those that never were."""
        if not settings.METRIC_HISTORY_DAYS:
            return
        just_read = set(read)
        new = [one.instance_row for one in series.values() if one.key in just_read and not one.read_through]
        account_id, region, *_ = self._claim.step.name.split("/")
        self._claim.add(
            PlannedStep(
                f"{account_id}/{region}/past/{rows[0]}",
                {"rows": rows, "end": end.isoformat()},
                inputs={"region": region, "instances": len(rows)},
            )
            for rows in batched(new, PAST_BATCH)
        )

    def _read_past(self, account: CloudAccount, door: Cloud, region: str, step: PlannedStep) -> Counts:
        """Read what instances measured in the days before their first reading, as far as samples are kept."""
        series = {one.instance_id: one for one in self._series(step.payload["rows"])}
        window = past_of(datetime.fromisoformat(step.payload["end"]))
        if not series or window.start >= window.end:
            return no_rows()
        self._claim.note(start=window.start.isoformat(), end=window.end.isoformat())
        targets = [Target(one.instance_id, one.memory) for one in series.values()]
        self._admit_reading(account, region, targets, window)
        keys = {instance_id: one.key for instance_id, one in series.items()}
        counts = no_rows()
        for readings in metrics.readings(door, region, targets, window):
            with self._claim.writing():
                counts.update(store(samples_of([readings], keys)))
        return counts

    # --- Memory ------------------------------------------------------------------------------
    def _find_memory(self, account: CloudAccount, door: Cloud, step: PlannedStep) -> Counts:
        """Note under which dimensions the instances of one page of the listing publish their memory."""
        page = Page.of(step)
        self.admit(account, page.region, ListMetrics=1)
        found, token = metrics.memory_page(door, page.region, step.payload.get("token"))
        running = Instance.objects.running().filter(account=account, region=page.region)
        rows = list(running.filter(instance_id__in=found).values_list("pk", flat=True))
        series = {one.key: one for one in self._series(rows)}
        with self._claim.writing():
            self._remember_memory(series, found)
            if token:
                self._claim.add([page.next(token)])
        return no_rows()

    def _remember_memory(self, series: Mapping[int, Series], found: Mapping[str, dict[str, str]]) -> None:
        """Keep the simplest dimensions that any page of this listing had."""
        listed_at = self._claim.run.started_at
        stored = list(MetricSeries.objects.filter(pk__in=series).select_for_update().order_by("pk"))
        for one in stored:
            dimensions = found[series[one.pk].instance_id]
            if one.memory_listed_at != listed_at or metrics.simpler(dimensions, one.memory_dimensions):
                one.memory_dimensions, one.memory_listed_at = dimensions, listed_at
        MetricSeries.objects.bulk_update(stored, ["memory_dimensions", "memory_listed_at"])


def samples_of(readings: Iterable[Readings], keys: Mapping[str, int]) -> "Batch":
    from collectors.samples.batch import Batch  # noqa: PLC0415  # numpy, which most processes never need

    return Batch.joined(
        Batch.of_grids(
            [keys[target.instance_id] for target in one.targets],
            one.moments,
            (one.cpu, one.memory, one.network_in, one.network_out),
        )
        for one in readings
    )


# --- The plan --------------------------------------------------------------------------------
def _listing_is_due(account: CloudAccount, region: str) -> bool:
    listing = MemoryListing.objects.filter(account=account, region=region)
    return not listing.filter(listed_at__gt=timezone.now() - RELIST_AFTER).exists()


def conclude(run: Run) -> Counts:
    """Mark the instances that are gone, and forget the memory that whole listings did not name any more."""
    listings: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for name, status in run.steps.filter(name__contains="/memory/").values_list("name", "status"):
        account_id, region, *_ = name.split("/")
        listings[account_id, region].add(status)
    for (account_id, region), statuses in listings.items():
        if statuses == {Status.SUCCEEDED}:
            _listed(run, account_id, region)
    return mark_gone(run)


def _listed(run: Run, account_id: str, region: str) -> None:
    account = CloudAccount.objects.get(account_id=account_id)
    series = MetricSeries.objects.filter(instance__account=account, instance__region=region)
    unnamed = Q(memory_listed_at=None) | Q(memory_listed_at__lt=run.started_at)
    series.exclude(memory_dimensions=None).filter(unnamed).update(memory_dimensions=None)
    MemoryListing.objects.update_or_create(
        account=account, region=region, defaults={"listed_at": timezone.now()}
    )


# --- Windows ---------------------------------------------------------------------------------
def window_of(marks: Iterable[datetime | None], now: datetime) -> Window:
    """Return the window from the earliest of the marks, up to which the series were read, to now.

    A series that was never read, alone, is read one hour back, or less where readings follow closer upon
    each other. A window is never longer than one answer can hold; what lies before is left to the daily
    figures.
    """
    end = _aligned(now - SETTLING)
    known = [mark for mark in marks if mark is not None]
    start = min(known) - OVERLAP if known else end - _first_window()
    return Window(max(start, end - LONGEST_WINDOW), end)


def past_of(end: datetime) -> Window:
    """Return the days before a first reading that are read, too."""
    start = midnight(end.date() - timedelta(days=settings.METRIC_HISTORY_DAYS))
    return Window(max(start, midnight(oldest_day(timezone.now().date()))), end)


def _first_window() -> timedelta:
    period = timedelta(seconds=PERIOD_S)
    every = min(FIRST_WINDOW, schedules.every(PIPELINE) or FIRST_WINDOW)
    return max(period, every // period * period)


def _aligned(moment: datetime) -> datetime:
    return datetime.fromtimestamp(moment.timestamp() // PERIOD_S * PERIOD_S, UTC)
