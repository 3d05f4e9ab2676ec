"""The upkeep of the partitions that metric samples and their hours are kept in."""

from collections.abc import Iterator

from django.utils import timezone

from collectors.samples.partitions import HOURS, SAMPLES, maintain
from pipelines.registry import Counts, Handler, PlannedStep

_TABLES = {table.table: table for table in (SAMPLES, HOURS)}


class PartitionsHandler(Handler):
    """Creates the coming days' partitions and drops those whose time is over, a step for each table."""

    def plan(self) -> Iterator[PlannedStep]:
        return map(PlannedStep, _TABLES)

    def execute(self, step: PlannedStep) -> Counts:
        self._claim.renew()
        return Counts(maintain(_TABLES[step.name], timezone.now().date()))
