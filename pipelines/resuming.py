"""Takes up runs again that ended without all that was wanted: what succeeded stays, the rest is redone."""

import logging
from functools import partial
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F, Sum
from django.db.models.functions import Least, Now

from pipelines import ledger, registry
from pipelines.errors import RunConflictError
from pipelines.models import Run, Status, Step

logger = logging.getLogger(__name__)

RESUMABLE = (Status.FAILED, Status.PARTIAL, Status.CANCELLED)
"""What a run ended as that is worth to be taken up again."""


def resume(run_id: int) -> Run:
    """Queue a run again that did not succeed, and return it.

    The worker that takes it queues those of its steps that did not succeed, or plans it where it has none. Of
    a parent, the children that did not succeed follow each other; a child whose parent has ended takes that
    up, too.

    Raises: Run.DoesNotExist, InvalidInputError for a pipeline that is no more, RunConflictError for a run
    that is active or succeeded, and where another one of its pipeline and scope is active.
    """
    children = list(Run.objects.filter(parent=run_id).order_by("position").values_list("pk", flat=True))
    with transaction.atomic():
        left = [run for child in children if (run := _locked(child)).status in RESUMABLE]
        run = _locked(run_id)
        registry.get(run.pipeline)
        if run.status not in RESUMABLE or (children and not left):
            raise RunConflictError(run, f"is {run.status}; there is nothing to resume.")
        for each in (*left, run):
            _queue(each)
        _take_up_parent(run)
        transaction.on_commit(partial(ledger.publish, run_id))
    logger.info("%s is resumed", run)
    run.refresh_from_db()
    return run


def _locked(run_id: int) -> Run:
    return Run.objects.select_for_update().get(pk=run_id)


def _take_up_parent(child: Run) -> None:
    if child.parent_id is not None and not (parent := _locked(child.parent_id)).is_active:
        _queue(parent)


def _queue(run: Run) -> None:
    """Queue a locked run. Raises: RunConflictError where another one of its kind is active."""
    try:
        with transaction.atomic():
            Run.objects.filter(pk=run.pk).update(
                status=Status.QUEUED,
                error="",
                retries=0,
                # It waits since now, not since it was created.
                not_before=Now(),
                published_at=None,
                finished_at=None,
                step_counts=None,
                fence=F("fence") + 1,
                booked=_booked(run),
            )
    except IntegrityError:
        raise RunConflictError(_rival(run), "is active; wait for its end, or cancel it.") from None


def _rival(run: Run) -> Run:
    return Run.objects.active().filter(pipeline=run.pipeline, scope=run.scope).first() or run


def _booked(run: Run) -> dict[str, Any]:
    """Return what of its steps the run's totals hold.

    What took workers down with it may do so as often again, but still in a process of its own.
    """
    steps = Step.objects.filter(run=run)
    steps.filter(status__in=RESUMABLE).update(lost_workers=Least(F("lost_workers"), 1))
    spent = steps.aggregate(
        calls=Sum("aws_calls", default=0),
        usd=Sum("aws_cost_usd", default=0),
        lost=Sum("lost_workers", default=0),
    )
    return {**spent, "usd": str(spent["usd"])}


def queue_steps(run: Run) -> None:
    """Queue those of a resumed run's steps that did not succeed; for use in a transaction that locks it."""
    Step.objects.filter(run=run, status__in=RESUMABLE).update(
        status=Status.QUEUED,
        error="",
        refused=False,
        retries=0,
        not_before=Now(),
        published_at=None,
        finished_at=None,
        progress=None,
    )
