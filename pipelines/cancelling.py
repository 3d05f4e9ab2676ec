"""Ends runs that are active, because somebody said so: no more of them is done, and nothing more is written.

Locks are taken in the order in which everybody takes them, steps before their run and runs before their
parent: whoever ends a step at the same moment comes before or after, and is told which.
"""

import logging

from django.db import OperationalError, transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Now
from psycopg2.errors import DeadlockDetected

from accounts.models import User
from pipelines import ending, history
from pipelines.errors import RunConflictError
from pipelines.models import Run, Status, Step

logger = logging.getLogger(__name__)

_MOST_TRIES = 5


class _GrownError(Exception):
    """Steps were added before their run was locked."""


def cancel(run_id: int, *, by: User) -> Run:
    """End a run, and all that it consists of, as cancelled; a part of another run lets that one go on.

    Whoever works on it can commit nothing more: their fence has risen. Its conclusion is left out.
    Raises: Run.DoesNotExist, RunConflictError for one that has ended.
    """
    for tries_left in reversed(range(_MOST_TRIES)):
        try:
            with transaction.atomic():
                _cancel(run_id, f"Cancelled by {by.email}.")
            break
        except (_GrownError, OperationalError) as error:
            known = isinstance(error, _GrownError) or isinstance(error.__cause__, DeadlockDetected)
            if not known or not tries_left:
                raise
    run = Run.objects.get(pk=run_id)
    logger.info("%s was cancelled by %s", run, by.pk)
    return run


def _cancel(run_id: int, reason: str) -> None:
    children = list(Run.objects.filter(parent=run_id).order_by("position").values_list("pk", flat=True))
    _cancel_steps(Step.objects.active().filter(run__in=[*children, run_id]))
    ended = [run for child in children if (run := _locked(child)).is_active]
    for child in ended:
        _end(child, reason)
    run = _locked(run_id)
    if not run.is_active:
        raise RunConflictError(run, f"has ended as {run.status}; there is nothing left to cancel.")
    if children:
        ending.end_parent(run, Status.CANCELLED, error=reason)
    else:
        _end(run, reason)
    ending.advance(run)


def _cancel_steps(active: "QuerySet[Step]") -> None:
    """Cancel all steps, those included that were added until the ones that add them were locked."""
    while found := list(active.select_for_update(of=("self",)).order_by("pk").values_list("pk", flat=True)):
        Step.objects.filter(pk__in=found).update(
            status=Status.CANCELLED,
            fence=F("fence") + 1,
            lease_until=None,
            finished_at=Now(),
            history=history.ended(Status.CANCELLED),
        )


def _locked(run_id: int) -> Run:
    return Run.objects.select_for_update().get(pk=run_id)


def _end(run: Run, reason: str) -> None:
    """End a locked run without children. Raises: _GrownError where it was planned meanwhile."""
    if run.steps.active().exists():
        raise _GrownError
    ending.end(run, Status.CANCELLED, steps=list(run.steps.only(*ending.TOLD)), error=reason)
    # Whoever is planning it must not store that plan.
    Run.objects.filter(pk=run.pk).update(fence=F("fence") + 1)
