"""The right to work on a run or a step, and what its holder may do.

A claim is one conditional UPDATE: PostgreSQL decides who gets it. It holds a lease, renewed while there is
progress, and a fence number that every write checks, so that a worker which lost its lease cannot write
any more.
"""

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Coalesce, Now
from django.utils import timezone

from core.errors import LeaseLostError
from pipelines import alarms, ending, history, ledger, registry, resuming, ticks, workers
from pipelines.history import Ending
from pipelines.later import later
from pipelines.models import Run, Status, Step
from pipelines.registry import Counts, PlannedStep


def lease() -> timedelta:
    """Return for how long a claim holds without a sign of life."""
    return timedelta(seconds=settings.LEASE_S)


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
        lease_until=Now() + lease(),
        worker=workers.name(),
        started_at=Coalesce("started_at", Now()),
        claimed_at=Now(),
    )


@dataclass
class Claim:
    """A hold on a run (to plan it) or a step (to do it), as long as its lease is kept; for one thread."""

    work: Run | Step
    _calls: int = 0
    _cost_usd: Decimal = Decimal(0)
    _outputs: dict[str, Any] = field(default_factory=dict)
    _renewed: float = field(default_factory=time.monotonic)

    @property
    def run(self) -> Run:
        """The run that is worked on, as a whole or in part."""
        return self.work if isinstance(self.work, Run) else self.work.run

    @property
    def step(self) -> PlannedStep:
        """The step that is held. Raises: TypeError for a claim on a whole run."""
        if isinstance(self.work, Run):
            raise TypeError(f"{self.work} is claimed as a whole.")
        return PlannedStep(self.work.name, self.work.payload, inputs=self.work.inputs)

    @property
    def since(self) -> datetime:
        """When the work was claimed, by the database's clock. Raises: TypeError where it is not held."""
        if self.work.claimed_at is None:
            raise TypeError(f"{self.work} is not held.")
        return self.work.claimed_at

    # --- Working -----------------------------------------------------------------------------
    def _update(self, **values: object) -> None:
        """Write to the held row, with what was spent since. Raises: LeaseLostError."""
        calls, usd = self._calls, self._cost_usd
        self._update_row(aws_calls=F("aws_calls") + calls, aws_cost_usd=F("aws_cost_usd") + usd, **values)
        self._calls, self._cost_usd = self._calls - calls, self._cost_usd - usd

    def _update_row(self, **values: object) -> None:
        held = type(self.work)._default_manager.filter(
            pk=self.work.pk, fence=self.work.fence, status=Status.RUNNING
        )
        if not held.update(**values):
            raise LeaseLostError(f"{self.work} was taken over by another worker, or cancelled.")

    def prolong(self) -> None:
        """Prolong the lease and write nothing else: another thread may do that. Raises: LeaseLostError."""
        self._update_row(lease_until=Now() + lease())

    def renew(self) -> None:
        """Prolong the lease. Raises: LeaseLostError."""
        self._update(lease_until=Now() + lease())
        self._renewed = time.monotonic()

    def spend(self, *, calls: int = 0, usd: Decimal = Decimal(0)) -> None:
        """Count AWS calls and dollars (negative for a refund), and renew the lease when it is time.

        Dollars are written at once, calls with the next renewal. Raises: LeaseLostError.
        """
        self._calls += calls
        self._cost_usd += usd
        if usd or time.monotonic() - self._renewed > settings.LEASE_S / 3:
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

    def add(self, planned: Iterable[PlannedStep]) -> None:
        """Add steps to the run; one whose name it has already stays as it is. Raises: LeaseLostError."""
        steps = [_planned(self.run, step, timezone.now()) for step in self._permitted(planned)]
        with self.writing():
            Step.objects.bulk_create(steps, batch_size=1000, ignore_conflicts=True)
            names = [step.name for step in steps]
            transaction.on_commit(partial(ledger.publish_steps, self.run.pk, names))

    def _permitted(self, planned: Iterable[PlannedStep]) -> Iterator[PlannedStep]:
        """Yield the steps, as failed ones where steps like them were refused."""
        refusals = ledger.refusals(self.run.pk)
        for step in planned:
            refusal = next((error for alike, error in refusals.items() if step.name.startswith(alike)), "")
            yield replace(step, error=refusal, refused=True) if refusal else step

    def remember(self, payload: Mapping[str, Any], counts: Counts) -> None:
        """Keep what is left to do of the step and what was counted: a retry goes on from there.

        It has all its tries before it again. Raises: LeaseLostError.
        """
        self.work.counts = self._counted(counts)
        self.work.retries = 0
        self._update(payload=payload, counts=self.work.counts, retries=0)

    def note(self, **outputs: Any) -> None:
        """Tell what came of the work, as JSON; it is stored with the end of it."""
        self._outputs |= outputs

    def show(self, percent: float) -> None:
        """Show how much of the step is done. Raises: LeaseLostError."""
        self._update_row(progress=min(100, max(0, int(percent))))

    # --- Ending ------------------------------------------------------------------------------
    def _noted(self) -> dict[str, Any]:
        return {"outputs": {**self.work.outputs, **self._outputs}} if self._outputs else {}

    @contextmanager
    def _planning(self) -> Iterator[None]:
        """Let go of the run once its steps are queued. Raises: LeaseLostError."""
        with self._booking():
            self._update(lease_until=None, error="", retries=0, **self._noted())
            yield
            ending.finish_if_done(self.run.pk)
            transaction.on_commit(partial(ledger.publish_steps, self.run.pk))

    def plan(self, planned: Iterable[PlannedStep]) -> None:
        """Store the run's steps and let go of it; steps with an error have failed already."""
        now = timezone.now()
        steps = [_planned(self.run, step, now) for step in planned]
        with self._planning():
            Step.objects.bulk_create(steps, batch_size=1000)

    def go_on(self) -> None:
        """Queue those of a resumed run's steps that did not succeed, and let go of it."""
        with self._planning():
            resuming.queue_steps(self.run)

    def end(
        self,
        *,
        counts: Counts | None = None,
        error: str = "",
        refused: ledger.Refusal | None = None,
        conclude: bool = True,
    ) -> None:
        """End the step, and with the last step its run; or end a run that cannot be planned.

        With an error that is the cloud's refusal, the steps that would meet the same one end with it.
        """
        outcome: dict[str, object] = {
            "status": Status.FAILED if error else Status.SUCCEEDED,
            "counts": self._counted(counts),
            "error": error,
            "finished_at": Now(),
            "lease_until": None,
            **self._noted(),
        }
        if error:
            outcome["history"] = history.ended(Status.FAILED, error=error)
        with self._booking():
            if isinstance(self.work, Run):
                self._update(**outcome)
                alarms.ended(self.run.pk, error=error, refused=refused is not None)
                ending.advance(self.work)
            else:
                # What did not succeed may be resumed: then it goes on from what the payload says.
                done: dict[str, object] = {} if error else {"payload": {}}
                self._update(**outcome, **done, refused=refused is not None)
                if refused is not None:
                    ledger.refuse(self.work, refused, error)
                ending.finish_if_done(self.run.pk, conclude=conclude)

    def _counted(self, counts: Counts | None) -> dict[str, int]:
        total = Counts(self.work.counts)
        total.update(counts or {})
        return dict(total)

    def put_back(self, *, wait_s: float) -> None:
        """Give the work back untried, to be done so many seconds later. Raises: LeaseLostError."""
        self._requeue(wait_s, attempt=F("attempt") - 1)

    def retry(self, *, error: str) -> bool:
        """Give the work back to be tried again after a pause; False when that was done often or long enough.

        Raises: LeaseLostError.
        """
        policy, now = registry.retry_of(self.run), ticks.now()
        spent = now - history.first_began(self.work, self.since)
        pause_s = policy.next_pause_s(self.work.retries, spent_s=spent.total_seconds())
        if pause_s is None:
            return False
        until = now + timedelta(seconds=pause_s)
        self._requeue(
            pause_s,
            not_before=until,
            retries=F("retries") + 1,
            error=error,
            history=history.ended(Ending.RETRIED, error=error, not_before=until),
        )
        return True

    def interrupted(self) -> None:
        """Give the work back as soon as the database answers; in a worker, by a thread of its own.

        Whatever was being written is gone with its transaction. Where this comes to nothing, the lease runs
        out.
        """
        pause_s = min(60.0, float(self.work.attempt))
        later.do(partial(self._requeue, pause_s, history=history.ended(Ending.INTERRUPTED)))

    def _requeue(self, wait_s: float, **values: object) -> None:
        until = {"not_before": Now() + timedelta(seconds=wait_s)}
        with self._booking():
            self._update(status=Status.QUEUED, lease_until=None, published_at=None, **{**until, **values})
        later.do(partial(ledger.publish_again, self.work), after_s=wait_s)


def _planned(run: Run, step: PlannedStep, now: datetime) -> Step:
    planned = Step(run=run, name=step.name, payload=step.payload, inputs=step.inputs)
    if step.error:
        planned.status, planned.error, planned.refused = Status.FAILED, step.error, step.refused
        planned.finished_at = now
    return planned
