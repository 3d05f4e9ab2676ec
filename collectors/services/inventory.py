"""EC2 instances and EBS volumes: each page is stored as it arrives, gone is what a whole scan missed."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import fields
from datetime import datetime
from operator import attrgetter
from typing import Any

from django.utils import timezone

from collectors import bulk
from collectors.aws import ec2
from collectors.aws.ec2 import InstanceRecord, VolumeRecord
from collectors.aws.session import Cloud
from collectors.models import CloudAccount, Instance, InstanceStateChange, Volume
from collectors.services.access import Clouds
from pipelines.claims import Claim
from pipelines.registry import Counts, PlannedStep, no_rows

INSTANCES, VOLUMES = "instances", "volumes"


class InventoryHandler:
    """Scans each account and region, instances and volumes apart, so that one denial costs one step."""

    def __init__(self, claim: Claim) -> None:
        self._claim = claim
        self._clouds = Clouds(claim)

    def plan(self) -> Iterator[PlannedStep]:
        return self._clouds.plan(_steps)

    def execute(self, step: str) -> Counts:
        account_id, region, kind = step.split("/")
        account, cloud = self._clouds.to(account_id)
        scan = {INSTANCES: scan_instances, VOLUMES: scan_volumes}[kind]
        return scan(self._claim, account, region, cloud)


def _steps(account: CloudAccount, cloud: Cloud) -> Iterator[str]:
    for region in account.regions or ec2.enabled_regions(cloud):
        yield f"{account.account_id}/{region}/{INSTANCES}"
        yield f"{account.account_id}/{region}/{VOLUMES}"


def scan_instances(claim: Claim, account: CloudAccount, region: str, cloud: Cloud) -> Counts:
    """Bring the stored instances of an account and region up to date, with their state changes."""
    pages = ec2.instance_pages(cloud, region)
    return _scan(claim, pages, Instance, account, region, key="instance_id", merge=_merge_instances)


def scan_volumes(claim: Claim, account: CloudAccount, region: str, cloud: Cloud) -> Counts:
    """Bring the stored volumes of an account and region up to date."""
    pages = ec2.volume_pages(cloud, region)
    return _scan(claim, pages, Volume, account, region, key="volume_id", merge=_merge)


def _scan(
    claim: Claim,
    pages: Iterable[Sequence[InstanceRecord] | Sequence[VolumeRecord]],
    model: type[Instance] | type[Volume],
    account: CloudAccount,
    region: str,
    *,
    key: str,
    merge: Callable[[bulk.Stage, datetime], Counts],
) -> Counts:
    now = timezone.now()
    counts = no_rows()
    for page in pages:
        if not page:
            continue
        columns, rows = _rows(page, account_id=account.pk, region=region, first_seen=now, last_seen=now)
        with (
            claim.writing(),
            bulk.staged(model, columns, rows, key=("account_id", "region", key)) as stage,
        ):
            counts.update(merge(stage, now))
    with claim.writing():
        unseen = model._default_manager.filter(
            account=account, region=region, gone_at=None, last_seen__lt=now
        )
        counts["gone"] += unseen.update(gone_at=now)
    return counts


def _rows(
    page: Sequence[InstanceRecord] | Sequence[VolumeRecord], **constant: Any
) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Return the columns of the records and their rows, the constant columns first."""
    names = [field.name for field in fields(page[0])]
    fixed = tuple(constant.values())
    values = attrgetter(*names)
    return [*constant, *names], [fixed + values(record) for record in page]


def _merge(stage: bulk.Stage, seen_at: datetime) -> Counts:
    counts = stage.upsert(only_on_insert=("first_seen", "last_seen"))
    # Not those that are new, nor those that a scan which began later has seen.
    stage.execute(
        "UPDATE {t} t SET last_seen = %s, gone_at = NULL FROM {s} s WHERE {matches} AND t.last_seen < %s",
        [seen_at, seen_at],
    )
    return counts


def _merge_instances(stage: bulk.Stage, seen_at: datetime) -> Counts:
    counts = _merge(stage, seen_at)
    changes = InstanceStateChange._meta.db_table
    # In the order of the key alone, PostgreSQL may read the table from its end until it meets the instance.
    stage.execute(
        f"""
        INSERT INTO {changes} (instance_id, from_state, to_state, observed_at)
        SELECT t.id, coalesce(last.to_state, ''), s.state, %s
        FROM {{s}} s JOIN {{t}} t ON {{matches}}
        LEFT JOIN LATERAL (
            SELECT to_state FROM {changes} c WHERE c.instance_id = t.id
            ORDER BY c.observed_at DESC, c.id DESC LIMIT 1
        ) last ON true
        WHERE last.to_state IS DISTINCT FROM s.state""",
        [seen_at],
    )
    return counts
