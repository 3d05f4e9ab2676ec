"""The rules by which runs start, are claimed and end; PostgreSQL decides every race.

A run starts once per slot and while none of its pipeline and scope is active. It is executed by whoever
claims it: one conditional UPDATE. The claim holds a lease, renewed while there is progress, and a fence
number that every write checks, so that a worker which lost its lease cannot write any more.
"""

import logging
import os
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial

from django.db import IntegrityError, transaction
from django.db.models import Exists, F, OuterRef, Sum
from django.db.models.functions import Coalesce, Now
from django.utils import timezone

from accounts.models import User
from core.errors import LeaseLostError
from pipelines import messages, registry
from pipelines.models import ACTIVE, Run, RunQuerySet, Status, Step, Trigger
from pipelines.registry import Counts, PlannedStep

logger = logging.getLogger(__name__)

LEASE = timedelta(seconds=90)
RENEW_AFTER_S = LEASE.total_seconds() / 3
MAX_ATTEMPTS = 4
# What a parent becomes when the first of its children runs.
_BEGUN = {"status": Status.RUNNING, "attempt": 1, "started_at": Now()}


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
                    Run.objects.filter(pk=wanted.pk).update(**_BEGUN)
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


def publish(run_id: int) -> None:
    """Tell the workers of a run, or of the child whose turn it is; failing that, the reconciler will."""
    due = ready().filter(pk=run_id).first() or ready().filter(parent=run_id).first()
    if due is not None and messages.send(due):
        Run.objects.filter(pk=due.pk).update(published_at=Now())


def ready() -> RunQuerySet:
    """Return the queued runs that a worker may claim: none of their elder siblings is active."""
    children = Run.objects.filter(parent=OuterRef("pk"))
    elder = Run.objects.active().filter(parent=OuterRef("parent"), position__lt=OuterRef("position"))
    return Run.objects.filter(~Exists(children), ~Exists(elder), status=Status.QUEUED)


# --- Claiming --------------------------------------------------------------------------------
def _worker_name() -> str:
    return f"{socket.gethostname()}:{os.getpid()}:{threading.current_thread().name}"


def claim(run_id: int) -> "Claim | None":
    """Take the run for this worker; None when it is not there to be taken."""
    taken = (
        ready()
        .filter(pk=run_id)
        .update(
            status=Status.RUNNING,
            attempt=F("attempt") + 1,
            fence=F("fence") + 1,
            lease_until=Now() + LEASE,
            worker=_worker_name(),
            started_at=Coalesce("started_at", Now()),
        )
    )
    if not taken:
        return None
    run = Run.objects.get(pk=run_id)
    Run.objects.filter(children=run, status=Status.QUEUED).update(**_BEGUN)
    return Claim(run)


@dataclass
class Claim:
    """The right to work on a run, as long as its lease is kept; used by one thread."""

    run: Run
    _calls: int = 0
    _cost_usd: Decimal = Decimal(0)
    _renewed: float = field(default_factory=time.monotonic)

    def _update(self, **values: object) -> None:
        """Write to the run's row, with what was spent since. Raises: LeaseLostError."""
        held = Run.objects.filter(pk=self.run.pk, fence=self.run.fence, status=Status.RUNNING)
        calls, usd = self._calls, self._cost_usd
        if not held.update(aws_calls=F("aws_calls") + calls, aws_cost_usd=F("aws_cost_usd") + usd, **values):
            raise LeaseLostError(f"{self.run} was taken over by another worker.")
        self._calls, self._cost_usd = self._calls - calls, self._cost_usd - usd

    def renew(self) -> None:
        """Prolong the lease. Raises: LeaseLostError."""
        self._update(lease_until=Now() + LEASE)
        self._renewed = time.monotonic()

    def spend(self, *, calls: int = 0, usd: Decimal = Decimal(0)) -> None:
        """Count AWS calls and dollars (negative for a refund), and renew the lease when it is time.

        Dollars are written at once, calls with the next renewal. Raises: LeaseLostError.
        """
        self._calls += calls
        self._cost_usd += usd
        if usd or time.monotonic() - self._renewed > RENEW_AFTER_S:
            self.renew()

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Open a transaction that only the holder of the lease can commit. Raises: LeaseLostError."""
        unwritten = self._calls, self._cost_usd
        try:
            with transaction.atomic():
                self.renew()
                yield
        except BaseException:
            self._calls, self._cost_usd = unwritten
            raise

    def plan(self, planned: Iterable[PlannedStep]) -> None:
        """Store the run's steps; those with an error have failed already."""
        with self.writing():
            Step.objects.bulk_create(
                [
                    Step(
                        run=self.run,
                        name=step.name,
                        error=step.error,
                        status=Status.FAILED if step.error else Status.QUEUED,
                        finished_at=timezone.now() if step.error else None,
                    )
                    for step in planned
                ]
            )

    def begin(self, step: Step) -> None:
        """Note that the step is being done."""
        with self.writing():
            step.status, step.attempt, step.started_at = Status.RUNNING, step.attempt + 1, timezone.now()
            step.save(update_fields=["status", "attempt", "started_at"])

    def end(self, step: Step, *, counts: Counts | None = None, error: str = "") -> None:
        """Note what the step came to."""
        with self.writing():
            step.status = Status.FAILED if error else Status.SUCCEEDED
            step.counts, step.error, step.finished_at = dict(counts or {}), error, timezone.now()
            step.save(update_fields=["status", "counts", "error", "finished_at"])

    def finish(self, *, error: str = "") -> Status:
        """End the run with the outcome of its steps, and let what comes after it begin."""
        steps = list(self.run.steps.all())
        errors = [f"{step.name}: {step.error}" for step in steps if step.error]
        outcome = Status.FAILED if error else _outcome([Status(step.status) for step in steps])
        with transaction.atomic():
            self._update(
                status=outcome,
                counts=_added(step.counts for step in steps),
                error="\n".join(filter(None, [error, *errors])),
                finished_at=Now(),
                lease_until=None,
            )
            _advance(self.run)
        return outcome


# --- Ending ----------------------------------------------------------------------------------
def _outcome(parts: list[Status]) -> Status:
    """Return what parts with these outcomes come to; nothing to do is a success."""
    if all(part == Status.SUCCEEDED for part in parts):
        return Status.SUCCEEDED
    if all(part in (Status.FAILED, Status.SKIPPED) for part in parts):
        return Status.FAILED
    return Status.PARTIAL


def _added(counts: Iterable[dict[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for each in counts:
        total.update(each)
    return dict(total)


def _advance(run: Run) -> None:
    """Let the next sibling begin, or end the parent with its last child."""
    parent = Run.objects.select_for_update(of=("self",)).filter(children=run, status__in=ACTIVE).first()
    if parent is None:
        return
    children = Run.objects.filter(parent=parent).order_by("position")
    if children.active().exists():
        transaction.on_commit(partial(publish, parent.pk))
        return
    spent = children.aggregate(calls=Sum("aws_calls"), usd=Sum("aws_cost_usd"))
    parent.status = _outcome([Status(child.status) for child in children])
    parent.counts = _added(child.counts for child in children)
    parent.aws_calls, parent.aws_cost_usd = spent["calls"], spent["usd"]
    parent.error = "\n".join(f"{child.pipeline}: {child.error}" for child in children if child.error)
    parent.finished_at = timezone.now()
    parent.save()


# --- Repairing -------------------------------------------------------------------------------
def take_over_lost_runs() -> int:
    """Queue again what a dead worker held, or fail it when that has happened too often; return how many."""
    lost = Run.objects.filter(status=Status.RUNNING, lease_until__lt=Now())
    return sum(_take_over(run) for run in lost)


def _take_over(run: Run) -> bool:
    held = Run.objects.filter(pk=run.pk, fence=run.fence, status=Status.RUNNING, lease_until__lt=Now())
    if run.attempt < MAX_ATTEMPTS:
        logger.warning("%s lost its worker %s on attempt %d; queued again", run, run.worker, run.attempt)
        return bool(held.update(status=Status.QUEUED, lease_until=None, published_at=None))
    error = f"Its worker was lost {run.attempt} times; start it again when the cause is found."
    with transaction.atomic():
        if not held.update(status=Status.FAILED, lease_until=None, finished_at=Now(), error=error):
            return False
        _advance(run)
    logger.error("%s failed: %s", run, error)
    return True


def publish_waiting(*, unheard_for: timedelta) -> int:
    """Publish the ready runs again whose last message is older than that; return how many."""
    waiting = ready().exclude(published_at__gt=Now() - unheard_for)
    due = list(waiting.values_list("pk", flat=True))
    for run_id in due:
        publish(run_id)
    return len(due)
