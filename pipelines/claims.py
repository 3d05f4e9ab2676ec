"""The right to work on a run or a step, and what its holder may do.

A claim is one conditional UPDATE: PostgreSQL decides who gets it. It holds a lease, renewed while there is
progress, and a fence number that every write checks, so that a worker which lost its lease cannot write
any more.
"""

import os
import socket
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial

from django.db import transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Coalesce, Now
from django.utils import timezone

from core.errors import LeaseLostError
from pipelines import alarms, ledger
from pipelines.models import Run, Status, Step
from pipelines.registry import Counts, PlannedStep

LEASE = timedelta(seconds=90)
RENEW_AFTER_S = LEASE.total_seconds() / 3


def claim_run(run_id: int) -> "Claim | None":
    """Take a run to plan it; None when it is not there to be taken."""
    if not _take(ledger.ready_runs().filter(pk=run_id)):
        return None
    run = Run.objects.get(pk=run_id)
    Run.objects.filter(children=run, status=Status.QUEUED).update(**ledger.BEGUN)
    return Claim(run)


def claim_step(step_id: int) -> "Claim | None":
    """Take a step to do it; None when it is not there to be taken."""
    if not _take(ledger.ready_steps().filter(pk=step_id)):
        return None
    return Claim(Step.objects.select_related("run").get(pk=step_id))


def _take(work: "QuerySet[Run] | QuerySet[Step]") -> int:
    return work.update(
        status=Status.RUNNING,
        attempt=F("attempt") + 1,
        fence=F("fence") + 1,
        lease_until=Now() + LEASE,
        worker=f"{socket.gethostname()}:{os.getpid()}:{threading.current_thread().name}",
        started_at=Coalesce("started_at", Now()),
    )


@dataclass
class Claim:
    """A hold on a run (to plan it) or a step (to do it), as long as its lease is kept; for one thread."""

    work: Run | Step
    _calls: int = 0
    _cost_usd: Decimal = Decimal(0)
    _renewed: float = field(default_factory=time.monotonic)

    @property
    def run(self) -> Run:
        """The run that is worked on, as a whole or in part."""
        return self.work if isinstance(self.work, Run) else self.work.run

    @property
    def step(self) -> str:
        """The name of the step that is held. Raises: TypeError for a claim on a whole run."""
        if isinstance(self.work, Run):
            raise TypeError(f"{self.work} is claimed as a whole.")
        return self.work.name

    # --- Working -----------------------------------------------------------------------------
    def _update(self, **values: object) -> None:
        """Write to the held row, with what was spent since. Raises: LeaseLostError."""
        held = type(self.work)._default_manager.filter(
            pk=self.work.pk, fence=self.work.fence, status=Status.RUNNING
        )
        calls, usd = self._calls, self._cost_usd
        if not held.update(aws_calls=F("aws_calls") + calls, aws_cost_usd=F("aws_cost_usd") + usd, **values):
            raise LeaseLostError(f"{self.work} was taken over by another worker.")
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
        with self._booking():
            self.renew()
            yield

    @contextmanager
    def _booking(self) -> Iterator[None]:
        """Open a transaction; when it is rolled back, what was spent is still to be booked."""
        unwritten = self._calls, self._cost_usd
        try:
            with transaction.atomic():
                yield
        except BaseException:
            self._calls, self._cost_usd = unwritten
            raise

    # --- Ending ------------------------------------------------------------------------------
    def plan(self, planned: Iterable[PlannedStep]) -> None:
        """Store the run's steps and let go of it; steps with an error have failed already."""
        now = timezone.now()
        steps = [_planned(self.run, step, now) for step in planned]
        with self._booking():
            self._update(lease_until=None)
            Step.objects.bulk_create(steps, batch_size=1000)
            ledger.finish_if_done(self.run.pk)
            transaction.on_commit(partial(ledger.publish_steps, self.run.pk))

    def end(self, *, counts: Counts | None = None, error: str = "", refused: bool = False) -> None:
        """End the step, and with the last step its run; or end a run that cannot be planned.

        `refused` is an error that is the cloud's refusal of who asked.
        """
        outcome = {
            "status": Status.FAILED if error else Status.SUCCEEDED,
            "counts": dict(counts or {}),
            "error": error,
            "finished_at": Now(),
            "lease_until": None,
        }
        with self._booking():
            if isinstance(self.work, Run):
                self._update(**outcome)
                alarms.ended(self.run.pk, error=error, refused=refused)
                ledger.advance(self.work)
            else:
                self._update(**outcome, refused=refused)
                ledger.finish_if_done(self.run.pk)

    def put_back(self, *, not_before: datetime) -> None:
        """Give the work back untried, to be done at that time or later. Raises: LeaseLostError."""
        with self._booking():
            self._update(
                status=Status.QUEUED, attempt=F("attempt") - 1, lease_until=None, not_before=not_before
            )


def _planned(run: Run, step: PlannedStep, now: datetime) -> Step:
    if not step.error:
        return Step(run=run, name=step.name)
    failed = {"status": Status.FAILED, "error": step.error, "refused": step.refused, "finished_at": now}
    return Step(run=run, name=step.name, **failed)
