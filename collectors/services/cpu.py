"""Daily CPU figures per instance, from CloudWatch."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import date, timedelta
from operator import itemgetter

from django.db.models import Exists, Max, OuterRef, Q
from django.utils import timezone

from collectors import bulk
from collectors.aws import cpu
from collectors.aws.cpu import CpuDay
from collectors.aws.session import Cloud
from collectors.models import CloudAccount, CpuMetric, Instance, InstanceQuerySet, InstanceStateChange
from collectors.services import budget
from collectors.services.access import Clouds
from pipelines.claims import Claim
from pipelines.registry import Counts, PlannedStep, no_rows

FIRST_WINDOW = timedelta(days=30)
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


class CpuHandler:
    """Reads the load of each account's and region's instances, as far as the inventory knows them."""

    def __init__(self, claim: Claim) -> None:
        self._claim = claim
        self._clouds = Clouds(claim)

    def plan(self) -> Iterator[PlannedStep]:
        return self._clouds.plan(_steps)

    def execute(self, step: str) -> Counts:
        account_id, region = step.split("/")
        account, cloud = self._clouds.to(account_id)
        counts = no_rows()
        for start, ids in windows(account, region, budget.today()):
            counts.update(self._read(cloud, region, ids, start))
        return counts

    def _read(self, cloud: Cloud, region: str, ids: dict[str, int], start: date) -> Counts:
        counts = no_rows()
        end = budget.today() + timedelta(days=1)
        for batch in cpu.daily_cpu(cloud, region, list(ids), start, end):
            with self._claim.writing():
                counts.update(store(batch, ids))
        return counts


def _steps(account: CloudAccount, _cloud: Cloud) -> Iterator[str]:
    regions = set(worth_asking().filter(account=account).values_list("region", flat=True))
    return (f"{account.account_id}/{region}" for region in sorted(regions))


def worth_asking() -> InstanceQuerySet:
    """Return the instances CloudWatch may know something new about: running, or lately stopped or gone."""
    recent = timezone.now() - RECENT
    changed = InstanceStateChange.objects.filter(instance=OuterRef("pk"), observed_at__gte=recent)
    running = Q(state="running", gone_at=None)
    return Instance.objects.filter(running | Q(gone_at__gte=recent) | Exists(changed))


def windows(account: CloudAccount, region: str, today: date) -> list[tuple[date, dict[str, int]]]:
    """Return the first days to read from, each with its instances (their rows by instance id).

    An instance is read from where its own figures end, so that none is lost to a call that failed; one
    without any figure is read 30 days back. Figures added up from samples do not count: they tell nothing of
    the days before them.
    """
    asked = (
        worth_asking()
        .filter(account=account, region=region)
        .annotate(last=Max("cpu__date", filter=Q(cpu__from_samples=False)))
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
