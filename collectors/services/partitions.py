"""The partitions that samples are kept in: when they are created, and when they go."""

from collections.abc import Iterator
from datetime import date, datetime

from django.utils import timezone

from collectors.samples import partitions
from collectors.samples.partitions import Partitioned
from pipelines import retention
from pipelines.registry import Counts, Handler, PlannedStep
from pipelines.retention import Retention


class PartitionsHandler(Handler):
    """Creates the coming days' partitions, a step for each table."""

    def plan(self) -> Iterator[PlannedStep]:
        return map(PlannedStep, partitions.every())

    def execute(self, step: PlannedStep) -> Counts:
        self._claim.renew()
        table = partitions.every()[step.name]
        return Counts(created=partitions.create_ahead(table, timezone.now().date()))


def register_retention() -> None:
    """Have partitions dropped whose time is over; each counts as one."""
    retention.register(
        Retention(
            name="metric-partitions",
            title="Daily partitions of metric samples",
            count=lambda now: len(_over(now.date())),
            batches=_batches,
        )
    )


def _over(today: date) -> list[tuple[Partitioned, date]]:
    tables = partitions.every().values()
    return [(each, day) for each in tables for day in each.before(partitions.first_kept(each, today))]


def _batches(now: datetime) -> Iterator[Counts]:
    """Drop one partition at a time; one that is in use is left for the next run."""
    for table, day in _over(now.date()):
        yield Counts(partitions_dropped=int(table.drop(day)))
