"""Keeps the ledger from growing for ever: runs that ended long ago are deleted, their totals kept."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Exists, F, OuterRef, Q

from pipelines import idempotency, retention
from pipelines.models import TOTALS, PastOutcomes, PastTotals, Run, RunQuerySet, Step, Trigger
from pipelines.registry import Counts
from pipelines.retention import Retention

MOST_RUNS = 100
MOST_STEPS = 5000


def register() -> None:
    """Have runs deleted that ended more than `RUN_RETENTION_DAYS` ago, and callers' keys that are over."""
    retention.register(Retention(name="runs", title="Runs of the ledger", count=_count, batches=_batches))
    retention.register_rows("idempotency-keys", "Idempotency keys of callers", idempotency.outlived)


def _count(now: datetime) -> int:
    return _families(outlived(_before(now))).count()


def _before(now: datetime) -> datetime:
    return now - timedelta(days=settings.RUN_RETENTION_DAYS)


def _families(runs: RunQuerySet) -> RunQuerySet:
    """Return the runs with all that they consist of."""
    return Run.objects.filter(Q(pk__in=runs.values("pk")) | Q(parent__in=runs.values("pk")))


def _batches(now: datetime) -> Iterator[Counts]:
    """Delete at most 5,000 steps, or 100 families that have none left, at a time."""
    old = outlived(_before(now)).values_list("pk", flat=True)
    while batch := list(old[:MOST_RUNS]):
        runs = _families(Run.objects.filter(pk__in=batch))
        steps = Step.objects.filter(run__in=runs.values("pk")).order_by()
        number = MOST_STEPS
        while number == MOST_STEPS:
            number, _ = Step.objects.filter(pk__in=steps.values("pk")[:MOST_STEPS]).delete()
            yield Counts(steps_deleted=number, runs_deleted=0)
        yield Counts(runs_deleted=_delete(runs))


def _delete(runs: RunQuerySet) -> int:
    """Delete runs without steps, and keep what they came to."""
    for total in runs.totals("pipeline"):
        PastTotals.objects.get_or_create(pipeline=total["pipeline"])
        past = PastTotals.objects.filter(pipeline=total["pipeline"])
        past.update(**{name: F(name) + total[name] for name in TOTALS})
    for outcome in runs.outcomes("pipeline", "status"):
        key = {name: outcome.pop(name) for name in ("pipeline", "status")}
        PastOutcomes.objects.get_or_create(**key)
        PastOutcomes.objects.filter(**key).update(**{name: F(name) + outcome[name] for name in outcome})
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
