"""How runs end: the step that ends last ends the run, and the run that ends last its parent."""

import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from functools import partial
from typing import Any

from django.db import InterfaceError, OperationalError, transaction
from django.db.models import F, Sum
from django.db.models.functions import Now
from structlog.contextvars import bound_contextvars

from pipelines import alarms, history, ledger, registry
from pipelines.models import ACTIVE, Run, Status, Step

logger = logging.getLogger(__name__)

# Of how many failed steps a run's error has a line.
MOST_ERRORS = 50
TOLD = ("name", "status", "counts", "error")
"""What the end of a run tells of its steps."""


def _outcome(parts: Iterable[str]) -> Status:
    """Return what parts with these outcomes come to; nothing to do is a success."""
    outcomes = set(parts)
    if outcomes <= {Status.SUCCEEDED}:
        return Status.SUCCEEDED
    if outcomes & {Status.SUCCEEDED, Status.PARTIAL}:
        return Status.PARTIAL
    return Status.CANCELLED if outcomes == {Status.CANCELLED} else Status.FAILED


def _added(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for each in counts:
        total.update(each)
    return dict(total)


def _errors(steps: Iterable[Step]) -> list[str]:
    """Return a line for each step that failed: the first ones, and how many more there are."""
    lines = [f"{step.name}: {step.error}" for step in steps if step.error]
    more = len(lines) - MOST_ERRORS
    return [*lines[:MOST_ERRORS], f"... and {more} more."] if more > 0 else lines


def finish_if_done(run_id: int, *, conclude: bool = True) -> None:
    """End the run when its last step has ended; for use inside the transaction that ended it.

    The lock makes two steps that end at once take turns, so that one of them sees that it is the last.
    Without `conclude`, it ends as it is, and says so.
    """
    run = Run.objects.select_for_update().get(pk=run_id)
    if run.steps.active().exists():
        return
    steps = list(run.steps.only(*TOLD))
    concluded, trouble = _concluded(run) if conclude else ({}, ["Its conclusion was left out."])
    outcome = _outcome([*(step.status for step in steps), *([Status.FAILED] if trouble else [])])
    error = "\n".join([*_errors(steps), *trouble])
    end(run, outcome, steps=steps, error=error, concluded=concluded)
    logger.info("%s ended: %s", run, outcome)
    alarms.ended(run_id)
    advance(run)


def end(
    run: Run, status: Status, *, steps: Sequence[Step], error: str, concluded: Mapping[str, int] | None = None
) -> None:
    """Write the end of a run that is locked, with what its steps came to."""
    spent = run.steps.aggregate(
        calls=Sum("aws_calls", default=0),
        usd=Sum("aws_cost_usd", default=0),
        attempts=Sum("attempt", default=0),
        lost=Sum("lost_workers", default=0),
    )
    # The totals of a run that was resumed hold a part of that already.
    booked = {"calls": 0, "usd": "0", "lost": 0, **run.booked}
    Run.objects.filter(pk=run.pk).update(
        status=status,
        counts=_added([*(step.counts for step in steps), concluded or {}]),
        aws_calls=F("aws_calls") + spent["calls"] - booked["calls"],
        aws_cost_usd=F("aws_cost_usd") + spent["usd"] - Decimal(booked["usd"]),
        step_attempts=spent["attempts"],
        lost_workers=F("lost_workers") + spent["lost"] - booked["lost"],
        step_counts=Counter(step.status for step in steps),
        error=error,
        finished_at=Now(),
        lease_until=None,
        **_in_history(status, error),
    )


def _in_history(status: Status, error: str) -> dict[str, Any]:
    return {} if status == Status.SUCCEEDED else {"history": history.ended(status, error=error)}


def _concluded(run: Run) -> tuple[dict[str, int], list[str]]:
    """Do what is to be done once all steps have ended; return what it counted, and what went wrong.

    Raises: OperationalError, InterfaceError, which interrupt: whoever ends the run next does it again.
    """
    try:
        with transaction.atomic():
            return dict(registry.get(run.pipeline).conclude(run)), []
    except (OperationalError, InterfaceError):
        raise
    except Exception as error:  # an error in it must not keep the run from ending
        logger.exception("%s could not be concluded", run)
        return {}, [f"Its conclusion failed ({type(error).__name__}); the worker's log has the details."]


def advance(run: Run) -> None:
    """Let the next sibling of an ended run begin, or end the parent with its last child."""
    parent = Run.objects.select_for_update(of=("self",)).filter(children=run, status__in=ACTIVE).first()
    if parent is None:
        return
    children = Run.objects.filter(parent=parent).order_by("position")
    if children.active().exists():
        transaction.on_commit(partial(ledger.publish, parent.pk))
        return
    error = "\n".join(f"{child.pipeline}: {child.error}" for child in children if child.error)
    outcome = _outcome(child.status for child in children)
    end_parent(parent, outcome, error=error)
    with bound_contextvars(run_id=parent.pk, pipeline=parent.pipeline, parent_run_id=parent.parent_id):
        logger.info("%s ended: %s", parent, outcome)


def end_parent(parent: Run, status: Status, *, error: str) -> None:
    """Write the end of a run that is locked, with what its children came to."""
    children = Run.objects.filter(parent=parent)
    spent = children.aggregate(
        calls=Sum("aws_calls"), usd=Sum("aws_cost_usd"), attempts=Sum("attempt"), lost=Sum("lost_workers")
    )
    Run.objects.filter(pk=parent.pk).update(
        status=status,
        counts=_added(child.counts for child in children),
        aws_calls=spent["calls"],
        aws_cost_usd=spent["usd"],
        step_attempts=spent["attempts"],
        lost_workers=spent["lost"],
        error=error,
        finished_at=Now(),
        **_in_history(status, error),
    )
