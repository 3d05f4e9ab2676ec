"""Keeps the ledger from growing for ever: runs that ended long ago are deleted, their totals kept."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Exists, F, OuterRef, Q
from django.utils import timezone

from pipelines import registry
from pipelines.models import TOTALS, PastTotals, Run, RunQuerySet, Step, Trigger
from pipelines.registry import Counts, Handler, Pipeline, PlannedStep

MOST_RUNS = 100
MOST_STEPS = 5000


def register() -> None:
    """Tell the ledger how it is kept short."""
    registry.register(
        Pipeline(
            name="upkeep", handler=UpkeepHandler, every=timedelta(hours=24), title="Keep the run ledger short"
        )
    )


class UpkeepHandler(Handler):
    """Deletes what ended more than `RUN_RETENTION_DAYS` ago, in batches with a transaction each."""

    def plan(self) -> Iterator[PlannedStep]:
        yield PlannedStep("runs")

    def execute(self, step: PlannedStep) -> Counts:
        before = timezone.now() - timedelta(days=settings.RUN_RETENTION_DAYS)
        old = outlived(before).values_list("pk", flat=True)
        counts = Counts(runs_deleted=0, steps_deleted=0)
        while batch := list(old[:MOST_RUNS]):
            runs = Run.objects.filter(Q(pk__in=batch) | Q(parent__in=batch))
            counts["steps_deleted"] += self._delete_steps(runs)
            counts["runs_deleted"] += self._delete(runs)
        return counts

    def _delete_steps(self, runs: RunQuerySet) -> int:
        steps = Step.objects.filter(run__in=runs.values("pk")).order_by()
        deleted, number = 0, MOST_STEPS
        while number == MOST_STEPS:
            with self._claim.writing():
                number, _ = Step.objects.filter(pk__in=steps.values("pk")[:MOST_STEPS]).delete()
            deleted += number
        return deleted

    def _delete(self, runs: RunQuerySet) -> int:
        """Delete runs without steps, and keep what they came to."""
        with self._claim.writing():
            for total in runs.totals("pipeline"):
                PastTotals.objects.get_or_create(pipeline=total["pipeline"])
                past = PastTotals.objects.filter(pipeline=total["pipeline"])
                past.update(**{name: F(name) + total[name] for name in TOTALS})
            number, _ = runs.delete()
        return number


def outlived(before: datetime) -> RunQuerySet:
    """Return the runs that ended before, with all that they consist of, and that nobody looks back to."""
    past = Q(finished_at__lt=before) & ~Q(pk__in=_looked_back_to())
    needed = Run.objects.filter(parent=OuterRef("pk")).exclude(past)
    return Run.objects.filter(past, ~Exists(needed), parent=None).order_by("pk")


def _looked_back_to() -> set[int]:
    """Return the last run of each pipeline and scope, and the last slot that a schedule dealt with."""
    each = ("pipeline", "scope")
    last = Run.objects.order_by(*each, "-pk").distinct(*each)
    slots = Run.objects.filter(trigger=Trigger.SCHEDULE, parent=None)
    last_slot = slots.order_by(*each, "-scheduled_for").distinct(*each)
    return {*last.values_list("pk", flat=True), *last_slot.values_list("pk", flat=True)}
