"""The rules by which runs start and follow each other; PostgreSQL decides every race.

A run starts once per slot and while none of its pipeline and scope is active. It is planned by the worker
that claims it, and its steps are done by whichever workers claim them (pipelines.claims). How runs end is in
pipelines.ending.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import Enum
from functools import partial
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.db.models.functions import Coalesce, Now
from django.utils import timezone

from accounts.models import User
from pipelines import messages, registry
from pipelines.errors import RunConflictError
from pipelines.models import Run, RunQuerySet, Status, Step, Trigger
from pipelines.params import chosen, scope_of_children


class Refusal(Enum):
    """What the cloud refused: whatever is asked about a subject, or one kind of question."""

    OF_SUBJECT = "subject"
    OF_KIND = "kind"


# What a parent becomes when the first of its children runs.
BEGUN = {
    "status": Status.RUNNING,
    "attempt": F("attempt") + 1,
    "started_at": Coalesce("started_at", Now()),
    "claimed_at": Now(),
}


# --- Starting --------------------------------------------------------------------------------
def start(
    pipeline: str,
    *,
    scope: str = "all",
    slot: datetime | None = None,
    trigger: Trigger = Trigger.MANUAL,
    requested_by: User | None = None,
    params: Mapping[str, Any] | None = None,
) -> Run:
    """Queue a run and return it, or return the one that is active or had this slot already.

    `params` says what is wanted, where that is not all there is: days, sources, or no validation
    (pipelines.params); its children get the same.

    Raises: InvalidInputError for an unknown pipeline, or params that leave nothing to do; RunConflictError
    where one of its children is being done for another run.
    """
    params = dict(params or {})
    children = chosen(registry.get(pipeline).children, params)
    while True:
        wanted = Run(
            pipeline=pipeline,
            scope=scope,
            scheduled_for=slot or timezone.now(),
            trigger=trigger,
            requested_by=requested_by,
            params=params,
        )
        try:
            with transaction.atomic():
                wanted.save(force_insert=True)
                for position, child in enumerate(children):
                    _start_child(wanted, child, position)
                if wanted.children.filter(status=Status.RUNNING).exists():
                    Run.objects.filter(pk=wanted.pk).update(**BEGUN)
                transaction.on_commit(partial(publish, wanted.pk))
        except IntegrityError:
            # Whoever stood in the way may have ended since; then there is room for ours.
            if (existing := _existing(wanted)) is not None:
                return existing
        else:
            return wanted


def _existing(wanted: Run) -> Run | None:
    same = Run.objects.filter(pipeline=wanted.pipeline, scope=wanted.scope)
    return same.active().first() or same.filter(scheduled_for=wanted.scheduled_for).first()


def _start_child(parent: Run, pipeline: str, position: int) -> None:
    """Queue a child of the parent; a run of that kind that is active by itself already becomes the child.

    Raises: RunConflictError where that one is another parent's, which would wait for it in vain.
    """
    slot, scope = parent.scheduled_for, scope_of_children(parent.scope, parent.params)
    while True:
        try:
            with transaction.atomic():
                Run.objects.create(
                    pipeline=pipeline,
                    scope=scope,
                    scheduled_for=slot,
                    trigger=parent.trigger,
                    requested_by=parent.requested_by,
                    params=parent.params,
                    parent=parent,
                    position=position,
                )
        except IntegrityError:
            same = Run.objects.active().filter(pipeline=pipeline, scope=scope)
            if same.filter(parent=None).update(parent=parent, position=position):
                return
            if (taken := same.exclude(parent=None).first()) is not None:
                raise RunConflictError(
                    taken, f"is active already, as a part of run {taken.parent_id}."
                ) from None
            # The slot has had a run of its own, which has ended; this one is another.
            slot = timezone.now()
        else:
            return


def skip(pipeline: str, *, scope: str = "all", slot: datetime, reason: str) -> None:
    """Note that a slot was let pass, and why; does nothing when the slot has a run."""
    Run.objects.bulk_create(
        [
            Run(
                pipeline=pipeline,
                scope=scope,
                scheduled_for=slot,
                trigger=Trigger.SCHEDULE,
                status=Status.SKIPPED,
                finished_at=timezone.now(),
                error=reason,
            )
        ],
        ignore_conflicts=True,
    )


# --- Publishing ------------------------------------------------------------------------------
def ready_runs() -> RunQuerySet:
    """Return the runs to be planned: queued, without children, none of their elder siblings active."""
    children = Run.objects.filter(parent=OuterRef("pk"))
    elder = Run.objects.active().filter(parent=OuterRef("parent"), position__lt=OuterRef("position"))
    return Run.objects.filter(_due(), ~Exists(children), ~Exists(elder), status=Status.QUEUED)


def ready_steps() -> QuerySet[Step]:
    """Return the steps to be done."""
    return Step.objects.filter(_due(), status=Status.QUEUED)


def _due() -> Q:
    return Q(not_before=None) | Q(not_before__lte=Now())


def publish(run_id: int) -> None:
    """Tell the workers of a run, or of the child whose turn it is; failing that, the reconciler will."""
    due = ready_runs().filter(Q(pk=run_id) | Q(parent=run_id)).first()
    if due is not None and messages.send(due):
        Run.objects.filter(pk=due.pk).update(published_at=Now())


def publish_again(work: Run | Step) -> int:
    """Tell the workers of this work, if it is ready; return how many they were told of."""
    if isinstance(work, Step):
        return send_steps(ready_steps().filter(pk=work.pk))
    publish(work.pk)
    return 1


def publish_steps(run_id: int, names: Iterable[str] | None = None) -> None:
    """Tell the workers of new steps of a run, of those named or all; the repair tells of what is left."""
    steps = ready_steps().filter(run=run_id, published_at=None)
    send_steps(steps if names is None else steps.filter(name__in=names))


def send_steps(steps: QuerySet[Step]) -> int:
    """Tell the workers of these steps, and return how many they were told of."""
    told = []
    for step in steps.select_related("run"):
        if not messages.send(step):
            break
        told.append(step.pk)
    Step.objects.filter(pk__in=told).update(published_at=Now())
    return len(told)


# --- Refusals --------------------------------------------------------------------------------
def refuse(step: Step, refusal: Refusal, error: str) -> None:
    """Fail the run's queued steps that would meet the same refusal, instead of asking again for each."""
    alike = f"{step.subject}/" if refusal == Refusal.OF_SUBJECT else _alike(step.name)
    queued = Step.objects.filter(run=step.run_id, status=Status.QUEUED, name__startswith=alike)
    queued.update(
        status=Status.FAILED,
        refused=True,
        error=f"Not tried after {step.name}: {error}",
        finished_at=Now(),
    )


def refusals(run_id: int) -> dict[str, str]:
    """Return what the run's steps were refused, by what the names of steps like them begin with."""
    refused = Step.objects.filter(run=run_id, status=Status.FAILED, refused=True).values_list("name", "error")
    return {_alike(name): error for name, error in refused}


def _alike(name: str) -> str:
    return f"{name.rpartition('/')[0]}/"
