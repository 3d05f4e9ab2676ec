"""EC2 instances and EBS volumes: a step a page, which adds the next; gone is what a whole scan missed."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from operator import attrgetter
from typing import Any, Self

from collectors import bulk
from collectors.aws import ec2
from collectors.aws.ec2 import InstanceRecord, VolumeRecord
from collectors.aws.session import Cloud
from collectors.models import CloudAccount, Instance, InstanceStateChange, Volume
from collectors.services.access import AccountsHandler
from pipelines import windows
from pipelines.models import Run, Status
from pipelines.registry import Counts, PlannedStep

Records = Sequence[InstanceRecord] | Sequence[VolumeRecord]


@dataclass(frozen=True, slots=True)
class Kind:
    """One of the two things that are scanned for: how it is asked for, and where it is stored."""

    name: str
    action: str
    fetch: Callable[..., tuple[Records, str | None]]
    model: type[Instance] | type[Volume]
    key: str
    merge: Callable[[bulk.Stage, datetime], Counts]


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a scan, by its step's name: the account, the region, the kind, and a number from 1 on."""

    account_id: str
    region: str
    kind: str
    number: int = 1

    @classmethod
    def of(cls, step: PlannedStep) -> Self:
        """Return the page that a step is about."""
        account_id, region, kind, number = step.name.split("/")
        return cls(account_id, region, kind, int(number))

    @property
    def scan(self) -> str:
        """What the names of all pages of the scan begin with."""
        return f"{self.account_id}/{self.region}/{self.kind}"

    def step(self, token: str = "") -> PlannedStep:
        """Return the step that reads this page."""
        place = {"region": self.region, "kind": self.kind}
        return PlannedStep(f"{self.scan}/{self.number}", {"token": token} if token else {}, inputs=place)

    def next(self, token: str) -> PlannedStep:
        """Return the step that reads the page after this one."""
        return replace(self, number=self.number + 1).step(token)


class InventoryHandler(AccountsHandler):
    """Scans each account and region, instances and volumes apart, so that one denial costs one scan."""

    kinds: tuple[str, ...] = ("instances", "volumes")

    def plan(self) -> Iterator[PlannedStep]:
        if windows.asked(self._claim.run) is not None:
            self._claim.note(window="An inventory has no past: what is there now was read.")
        return super().plan()

    def parts(self, account: CloudAccount, door: Cloud) -> Iterator[PlannedStep]:
        for region in account.regions or ec2.enabled_regions(door):
            for kind in self.kinds:
                yield Page(account.account_id, region, kind).step()

    def do_part(self, account: CloudAccount, door: Cloud, step: PlannedStep) -> Counts:
        """Store one page; the next one can be fetched as soon as its token has arrived."""
        page, kind = Page.of(step), KINDS[Page.of(step).kind]
        self.admit(account, page.region, **{kind.action: 1})
        records, _ = kind.fetch(
            door,
            page.region,
            step.payload.get("token"),
            on_next=lambda token: self._claim.add([page.next(token)]),
        )
        return self._store_page(account, page, kind, records)

    def _store_page(self, account: CloudAccount, page: Page, kind: Kind, records: Records) -> Counts:
        self._claim.note(region=page.region, found=len(records))
        if not records:
            return Counts(created=0, updated=0, unchanged=0)
        # A moment before the page was asked for: no scan that begins later may take it for one of its own.
        now = self._claim.since
        columns, rows = _rows(
            records, account_id=account.pk, region=page.region, first_seen=now, last_seen=now
        )
        key = ("account_id", "region", kind.key)
        with self._claim.writing(), bulk.staged(kind.model, columns, rows, key=key) as stage:
            counts = kind.merge(stage, now)
            self.follow(account, page, records)
        return counts

    def follow(self, account: CloudAccount, page: Page, records: Records) -> None:
        """Do what a page gives cause for, in the transaction that stores it."""


def mark_gone(run: Run) -> Counts:
    """Mark what the complete scans of a run did not see: those of which no page is missing.

    A page is known by the one before it, so that a scan is complete when each of its pages was stored.
    """
    scans: defaultdict[tuple[str, str, str], set[str]] = defaultdict(set)
    for name, status in run.steps.values_list("name", "status"):
        account_id, region, kind, *_ = (*name.split("/"), "", "")
        if kind in KINDS:
            scans[account_id, region, kind].add(status)
    counts = Counts()
    for (account_id, region, kind), statuses in scans.items():
        if statuses == {Status.SUCCEEDED}:
            counts["gone"] += _mark_unseen(run, account_id, region, KINDS[kind])
    return counts


def _mark_unseen(run: Run, account_id: str, region: str, kind: Kind) -> int:
    there = kind.model._default_manager.filter(account__account_id=account_id, region=region, gone_at=None)
    return there.filter(last_seen__lt=run.started_at).update(gone_at=run.started_at)


def _rows(records: Records, **constant: Any) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Return the columns of the records and their rows, the constant columns first."""
    names = [field.name for field in fields(records[0])]
    fixed = tuple(constant.values())
    values = attrgetter(*names)
    return [*constant, *names], [fixed + values(record) for record in records]


def _merge(stage: bulk.Stage, seen_at: datetime) -> Counts:
    counts = stage.upsert(only_on_insert=("first_seen", "last_seen"), in_order=True)
    # Not those that are new, nor those that a scan which began later has seen.
    stage.execute(
        "UPDATE {t} t SET last_seen = %s, gone_at = NULL FROM {s} s WHERE {matches} AND t.last_seen < %s",
        [seen_at, seen_at],
    )
    return counts


def _merge_volumes(stage: bulk.Stage, seen_at: datetime) -> Counts:
    counts = _merge(stage, seen_at)
    stage.execute(
        """
        UPDATE {t} t SET available_since = CASE WHEN s.state = 'available' THEN %s::timestamptz END
        FROM {s} s WHERE {matches} AND (t.available_since IS NULL) = (s.state = 'available')""",
        [seen_at],
    )
    return counts


def _merge_instances(stage: bulk.Stage, seen_at: datetime) -> Counts:
    # In the order in which the merge takes them: two scans at once do not wait for each other.
    stage.execute(
        """
        UPDATE {t} t SET type_since = %s FROM (
            SELECT t.id FROM {t} t JOIN {s} s ON {matches} WHERE t.instance_type <> s.instance_type
            ORDER BY t.account_id, t.region, t.instance_id FOR UPDATE OF t
        ) changed WHERE t.id = changed.id""",
        [seen_at],
    )
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


KINDS = {
    kind.name: kind
    for kind in (
        Kind("instances", "DescribeInstances", ec2.instance_page, Instance, "instance_id", _merge_instances),
        Kind("volumes", "DescribeVolumes", ec2.volume_page, Volume, "volume_id", _merge_volumes),
    )
}
