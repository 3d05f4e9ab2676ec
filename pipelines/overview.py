"""What is shown of runs, which may have very many steps: how many by status, and those that matter most."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Count, OuterRef, Prefetch, QuerySet, prefetch_related_objects

from pipelines.models import BY_WEIGHT, Run, Step, StepQuerySet

MOST_STEPS = 100


def prepare(runs: Sequence[Run]) -> None:
    """Read what `steps` and `counts` tell of these runs, in a number of queries that is always the same."""
    _count(runs)
    prefetch_related_objects(runs, Prefetch("steps", foremost(run.pk for run in runs)))


def steps(run: Run) -> list[Step]:
    """Return a prepared run's steps in their order; of more than 100 those that matter most, these first."""
    shown = list(run.steps.all())
    return shown if sum(counts(run).values()) > MOST_STEPS else sorted(shown, key=lambda step: step.pk)


def counts(run: Run) -> dict[str, int]:
    """Return how many steps of each status the run has."""
    if run.step_counts is None:
        _count([run])
    return run.step_counts or {}


def _count(runs: Sequence[Run]) -> None:
    """Fill in what only runs that have ended have in their rows."""
    active = [run for run in runs if run.step_counts is None]
    counted: defaultdict[int, dict[str, int]] = defaultdict(dict)
    rows = Step.objects.filter(run__in=active).order_by().values_list("run", "status")
    for pk, status, number in rows.annotate(number=Count("pk")):
        counted[pk][status] = number
    for run in active:
        run.step_counts = counted[run.pk]


def foremost(run_ids: Iterable[int]) -> StepQuerySet:
    """Return up to 100 steps of each run, what failed first; looks at few more, however many there are."""
    by_weight = [ArraySubquery(_first(status)) for status in BY_WEIGHT]
    found = Run.objects.filter(pk__in=list(run_ids)).values_list(*by_weight)
    chosen = [pk for of_a_run in found for pk in list(chain(*of_a_run))[:MOST_STEPS]]
    return Step.objects.filter(pk__in=chosen).by_weight().defer("payload")


def _first(status: str) -> QuerySet[Step, Any]:
    same = Step.objects.filter(run=OuterRef("pk"), status=status)
    return same.order_by("pk").values("pk")[:MOST_STEPS]
