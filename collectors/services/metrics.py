"""The metric samples of running instances, every hour, from where the last reading ended."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

from django.utils import timezone

from collectors.aws import metrics
from collectors.aws.metricdata import Window
from collectors.aws.metrics import PERIOD_S, Target
from collectors.aws.session import Cloud
from collectors.models import CloudAccount, Instance, InstanceQuerySet, MemoryListing, MetricSeries
from collectors.samples.store import Sample, store
from collectors.services.access import Clouds
from pipelines.claims import Claim
from pipelines.registry import Counts, PlannedStep, no_rows

BATCH = 1000
"""Instances a step: three metrics of each are six full calls."""

FIRST_WINDOW = timedelta(hours=1)
# Points appear two to three minutes late: the last ones are left for the next reading, which goes back a bit.
SETTLING = timedelta(minutes=3)
OVERLAP = timedelta(minutes=10)
LONGEST_WINDOW = metrics.MOST_PERIODS * timedelta(seconds=PERIOD_S)
RELIST_AFTER = timedelta(hours=23)
MEMORY = "memory"


class MetricsHandler:
    """Reads the running instances by batches; once a day, looks for those that publish their memory."""

    def __init__(self, claim: Claim) -> None:
        self._claim = claim
        self._clouds = Clouds(claim)

    def plan(self) -> Iterator[PlannedStep]:
        return self._clouds.plan(_steps)

    def execute(self, step: str) -> Counts:
        account_id, region, part = step.split("/")
        account, cloud = self._clouds.to(account_id)
        if part == MEMORY:
            return find_memory(self._claim, account, region, cloud)
        first, last = part.split("-")
        return read(self._claim, _running(account, region).filter(pk__range=(first, last)), region, cloud)


def _running(account: CloudAccount, region: str) -> InstanceQuerySet:
    return Instance.objects.running().filter(account=account, region=region)


# --- The plan --------------------------------------------------------------------------------
def _steps(account: CloudAccount, _cloud: Cloud) -> Iterator[str]:
    """Name the account's steps; its batches are ranges of rows, so that a name means the same later."""
    regions = Instance.objects.running().filter(account=account).values_list("region", flat=True)
    for region in sorted(set(regions)):
        if _listing_is_due(account, region):
            yield f"{account.account_id}/{region}/{MEMORY}"
        rows = list(_running(account, region).order_by("pk").values_list("pk", flat=True))
        for batch in _batches(rows):
            yield f"{account.account_id}/{region}/{batch[0]}-{batch[-1]}"


def _batches(rows: Sequence[int]) -> Iterator[Sequence[int]]:
    return (rows[first : first + BATCH] for first in range(0, len(rows), BATCH))


def _listing_is_due(account: CloudAccount, region: str) -> bool:
    listing = MemoryListing.objects.filter(account=account, region=region)
    return not listing.filter(listed_at__gt=timezone.now() - RELIST_AFTER).exists()


# --- A batch ---------------------------------------------------------------------------------
def read(claim: Claim, instances: InstanceQuerySet, region: str, cloud: Cloud) -> Counts:
    """Read the instances' metrics since their last reading and store them, with how far they were read."""
    series = {one.instance.instance_id: one for one in series_of(claim, instances) if one.instance}
    if not series:
        return no_rows()
    window = window_of((one.read_through for one in series.values()), timezone.now())
    targets = [Target(instance_id, one.memory_dimensions) for instance_id, one in series.items()]
    samples = [
        Sample(series[target.instance_id].pk, *reading)
        for target, readings in metrics.readings(cloud, region, targets, window)
        for reading in readings
    ]
    with claim.writing():
        counts = store(samples)
        keys = [one.pk for one in series.values()]
        MetricSeries.objects.filter(pk__in=keys).update(read_through=window.end)
    return counts


def series_of(claim: Claim, instances: InstanceQuerySet) -> list[MetricSeries]:
    """Return the series of the instances, in the order of their rows; the missing ones are created."""
    if missing := list(instances.filter(metric_series=None)):
        with claim.writing():
            MetricSeries.objects.bulk_create(
                [MetricSeries(instance=instance) for instance in missing], ignore_conflicts=True
            )
    found = MetricSeries.objects.filter(instance__in=instances).select_related("instance")
    return list(found.order_by("instance_id"))


def window_of(marks: Iterable[datetime | None], now: datetime) -> Window:
    """Return the window from the earliest of the marks, up to which the series were read, to now.

    A series that was never read, alone, is read one hour back. A window is never longer than one answer can
    hold; what lies before it is left to the daily figures.
    """
    end = _aligned(now - SETTLING)
    known = [mark for mark in marks if mark is not None]
    start = min(known) - OVERLAP if known else end - FIRST_WINDOW
    return Window(max(start, end - LONGEST_WINDOW), end)


def _aligned(moment: datetime) -> datetime:
    return datetime.fromtimestamp(moment.timestamp() // PERIOD_S * PERIOD_S, UTC)


# --- Memory ----------------------------------------------------------------------------------
def find_memory(claim: Claim, account: CloudAccount, region: str, cloud: Cloud) -> Counts:
    """Note under which dimensions each running instance publishes its memory, if it does."""
    dimensions = metrics.memory_dimensions(cloud, region)
    changed = [
        one
        for one in series_of(claim, _running(account, region))
        if one.instance and one.memory_dimensions != dimensions.get(one.instance.instance_id)
    ]
    for one in changed:
        one.memory_dimensions = one.instance and dimensions.get(one.instance.instance_id)
    with claim.writing():
        MetricSeries.objects.bulk_update(changed, ["memory_dimensions"], batch_size=BATCH)
        MemoryListing.objects.update_or_create(
            account=account, region=region, defaults={"listed_at": timezone.now()}
        )
    return no_rows()
