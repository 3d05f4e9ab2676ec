"""What is shown of runs, which may have very many steps: how far they are, and which steps matter most."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Count, OuterRef, Prefetch, QuerySet, prefetch_related_objects

from pipelines.models import ACTIVE, BY_WEIGHT, Run, Status, Step, StepQuerySet

MOST_STEPS = 100


def prepare(runs: Sequence[Run]) -> None:
    """Read what `steps` and `counts` tell of these runs, in a number of queries that is always the same."""
    _count([*runs, *(child for run in runs for child in run.children.all())])
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


@dataclass(frozen=True, slots=True)
class Progress:
    """How many steps are done, of those known so far, and how much of all; None before it is planned."""

    done: int
    total: int
    percent: int | None


def progress(run: Run) -> Progress:
    """Return how far a prepared run is; a parent's children count alike, and their steps are added up."""
    children = list(run.children.all())
    if not children:
        return _counted(
            run, [step.progress or 0 for step in run.steps.all() if step.status == Status.RUNNING]
        )
    each = [progress_of_child(child) for child in children]
    known = [part.percent or 0 for part in each]
    planned = any(part.percent is not None for part in each)
    percent = sum(known) // len(known) if planned else None
    return Progress(sum(part.done for part in each), sum(part.total for part in each), percent)


def progress_of_child(child: Run) -> Progress:
    """Return how far a part of a prepared run is, by the steps that have ended."""
    return _counted(child, ())


def _counted(run: Run, percents_of_running: Iterable[int]) -> Progress:
    """Count the steps that were done; a run that succeeded without any is done as well."""
    numbers = counts(run)
    total = sum(numbers.values())
    left = sum(numbers.get(status, 0) for status in (*ACTIVE, Status.CANCELLED))
    if total:
        return Progress(total - left, total, (100 * (total - left) + sum(percents_of_running)) // total)
    return Progress(0, 0, 100 if run.status == Status.SUCCEEDED else None)


def foremost(run_ids: Iterable[int]) -> StepQuerySet:
    """Return up to 100 steps of each run, what failed first; looks at few more, however many there are."""
    by_weight = [ArraySubquery(_first(status)) for status in BY_WEIGHT]
    found = Run.objects.filter(pk__in=list(run_ids)).values_list(*by_weight)
    chosen = [pk for of_a_run in found for pk in list(chain(*of_a_run))[:MOST_STEPS]]
    return Step.objects.filter(pk__in=chosen).by_weight().defer("payload")


def _first(status: str) -> QuerySet[Step, Any]:
    same = Step.objects.filter(run=OuterRef("pk"), status=status)
    return same.order_by("pk").values("pk")[:MOST_STEPS]
