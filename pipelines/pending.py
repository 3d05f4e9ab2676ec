"""What waits for a worker, and since when."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Min
from django.db.models.functions import Greatest

from pipelines import ledger


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many pieces of work a worker may take, and since when the oldest has waited."""

    number: int
    since: datetime

    def age_s(self, now: datetime) -> float:
        """Return for how long the oldest has waited; what was added after `now` was read has not."""
        return max(0.0, (now - self.since).total_seconds())

    def __add__(self, other: "Waiting") -> "Waiting":
        return Waiting(self.number + other.number, min(self.since, other.since))


def by_pipeline() -> dict[str, Waiting]:
    """Return what waits, runs to be planned and steps, by pipeline; a pause before does not count."""
    counted = {"number": Count("pk"), "since": Min(Greatest("created_at", "not_before"))}
    runs = ledger.ready_runs().order_by().values_list("pipeline").annotate(**counted)
    steps = ledger.ready_steps().order_by().values_list("run__pipeline").annotate(**counted)
    found: dict[str, Waiting] = {}
    for pipeline, number, since in [*runs, *steps]:
        waiting = Waiting(number, since)
        found[pipeline] = found[pipeline] + waiting if pipeline in found else waiting
    return found
