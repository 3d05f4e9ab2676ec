"""The rules by which runs start, follow each other and end; PostgreSQL decides every race.

A run starts once per slot and while none of its pipeline and scope is active. It is planned by the worker
that claims it, and its steps are done by whichever workers claim them (pipelines.claims). The step that
ends last ends the run, and the run that ends last its parent.
"""

import logging
from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from enum import Enum
from functools import partial

from django.db import IntegrityError, InterfaceError, OperationalError, transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet, Sum
from django.db.models.functions import Now
from django.utils import timezone

from accounts.models import User
from pipelines import alarms, messages, registry
from pipelines.models import ACTIVE, Run, RunQuerySet, Status, Step, Trigger

logger = logging.getLogger(__name__)


class Refusal(Enum):
    """What the cloud refused: whatever is asked about a subject, or one kind of question."""

    OF_SUBJECT = "subject"
    OF_KIND = "kind"


# Of how many failed steps a run's error has a line.
MOST_ERRORS = 50

# What a parent becomes when the first of its children runs.
BEGUN = {"status": Status.RUNNING, "attempt": 1, "started_at": Now()}


# --- Starting --------------------------------------------------------------------------------
def start(
    pipeline: str,
    *,
    scope: str = "all",
    slot: datetime | None = None,
    trigger: Trigger = Trigger.MANUAL,
    requested_by: User | None = None,
) -> Run:
    """Queue a run and return it, or return the one that is active or had this slot already.

    Raises: InvalidInputError for an unknown pipeline.
    """
    children = registry.get(pipeline).children
    while True:
        wanted = Run(
            pipeline=pipeline,
            scope=scope,
            scheduled_for=slot or timezone.now(),
            trigger=trigger,
            requested_by=requested_by,
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
    """Queue a child of the parent; a run of that kind that is active already becomes the child."""
    slot = parent.scheduled_for
    while True:
        try:
            with transaction.atomic():
                Run.objects.create(
                    pipeline=pipeline,
                    scope=parent.scope,
                    scheduled_for=slot,
                    trigger=parent.trigger,
                    requested_by=parent.requested_by,
                    parent=parent,
                    position=position,
                )
        except IntegrityError:
            same = Run.objects.active().filter(pipeline=pipeline, scope=parent.scope)
            if same.update(parent=parent, position=position):
                return
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


# --- Ending ----------------------------------------------------------------------------------
def _outcome(parts: Iterable[str]) -> Status:
    """Return what parts with these outcomes come to; nothing to do is a success."""
    outcomes = set(parts)
    if outcomes <= {Status.SUCCEEDED}:
        return Status.SUCCEEDED
    if outcomes <= {Status.FAILED, Status.SKIPPED}:
        return Status.FAILED
    return Status.PARTIAL


def _added(counts: Iterable[dict[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for each in counts:
        total.update(each)
    return dict(total)


def _errors(steps: Iterable[Step]) -> list[str]:
    """Return a line for each step that failed: the first ones, and how many more there are."""
    lines = [f"{step.name}: {step.error}" for step in steps if step.error]
    more = len(lines) - MOST_ERRORS
    return [*lines[:MOST_ERRORS], f"... and {more} more."] if more > 0 else lines


def refuse(step: Step, refusal: Refusal, error: str) -> None:
    """Fail the run's queued steps that would meet the same refusal, instead of asking again for each."""
    alike = f"{step.subject}/" if refusal == Refusal.OF_SUBJECT else _alike(step.name)
    queued = Step.objects.filter(run=step.run_id, status=Status.QUEUED, name__startswith=alike)
    queued.update(
        status=Status.FAILED,
        refused=True,
        error=f"Not tried after {step.name}: {error}",
        payload={},
        finished_at=Now(),
    )


def refusals(run_id: int) -> dict[str, str]:
    """Return what the run's steps were refused, by what the names of steps like them begin with."""
    refused = Step.objects.filter(run=run_id, status=Status.FAILED, refused=True).values_list("name", "error")
    return {_alike(name): error for name, error in refused}


def _alike(name: str) -> str:
    return f"{name.rpartition('/')[0]}/"


def finish_if_done(run_id: int, *, conclude: bool = True) -> None:
    """End the run when its last step has ended; for use inside the transaction that ended it.

    The lock makes two steps that end at once take turns, so that one of them sees that it is the last.
    Without `conclude`, it ends as it is, and says so.
    """
    run = Run.objects.select_for_update().get(pk=run_id)
    if run.steps.active().exists():
        return
    steps = list(run.steps.only("name", "status", "counts", "error"))
    spent = run.steps.aggregate(
        calls=Sum("aws_calls", default=0),
        usd=Sum("aws_cost_usd", default=0),
        attempts=Sum("attempt", default=0),
        lost=Sum("lost_workers", default=0),
    )
    concluded, trouble = _concluded(run) if conclude else ({}, ["Its conclusion was left out."])
    Run.objects.filter(pk=run_id).update(
        status=_outcome([*(step.status for step in steps), *([Status.FAILED] if trouble else [])]),
        counts=_added([*(step.counts for step in steps), concluded]),
        aws_calls=F("aws_calls") + spent["calls"],
        aws_cost_usd=F("aws_cost_usd") + spent["usd"],
        step_attempts=spent["attempts"],
        lost_workers=F("lost_workers") + spent["lost"],
        step_counts=Counter(step.status for step in steps),
        error="\n".join([*_errors(steps), *trouble]),
        finished_at=Now(),
        lease_until=None,
    )
    logger.info("%s ended", run)
    alarms.ended(run_id)
    advance(run)


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
        transaction.on_commit(partial(publish, parent.pk))
        return
    spent = children.aggregate(
        calls=Sum("aws_calls"), usd=Sum("aws_cost_usd"), attempts=Sum("attempt"), lost=Sum("lost_workers")
    )
    parent.status = _outcome(child.status for child in children)
    parent.counts = _added(child.counts for child in children)
    parent.aws_calls, parent.aws_cost_usd = spent["calls"], spent["usd"]
    parent.step_attempts, parent.lost_workers = spent["attempts"], spent["lost"]
    parent.error = "\n".join(f"{child.pipeline}: {child.error}" for child in children if child.error)
    parent.finished_at = timezone.now()
    parent.save()
