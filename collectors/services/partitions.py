"""The upkeep of the partitions that samples are kept in."""

from collections.abc import Iterator

from django.utils import timezone

from collectors.samples import partitions
from pipelines.registry import Counts, Handler, PlannedStep


class PartitionsHandler(Handler):
    """Creates the coming days' partitions and drops those whose time is over, a step for each table."""

    def plan(self) -> Iterator[PlannedStep]:
        return map(PlannedStep, partitions.every())

    def execute(self, step: PlannedStep) -> Counts:
        self._claim.renew()
        return Counts(partitions.maintain(partitions.every()[step.name], timezone.now().date()))
