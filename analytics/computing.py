"""The nightly computation: a step for each subject, made from what was collected."""

from collections.abc import Callable, Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

from django.utils import timezone

from analytics.models import Computation, Subject
from pipelines import registry
from pipelines.claims import Claim
from pipelines.models import Run, Status
from pipelines.params import INTELLIGENCE
from pipelines.registry import Counts, Handler, Pipeline, PlannedStep
from pipelines.slots import Cron

AFTER_THE_DATA = Cron("30 5 * * *", ZoneInfo("America/New_York"))
"""The day's data are due by 05:00 there."""

Compute = Callable[[Claim, datetime], Counts]
"""Computes a subject as of a moment and stores what comes out, by `with claim.writing()`.

In the same transaction it notes that by `Computation.objects.done`, or by `withheld`, where the data do not
carry it. It calls `claim.renew()` every few seconds, and returns what it counted. Raises: CloudIntelError.
"""

Conclude = Callable[[Run, datetime], Counts]
"""Computes from what the steps stored, in the transaction that ends the run."""


_steps: dict[Subject, Compute] = {}
_conclusions: dict[Subject, Conclude] = {}


def register(subject: Subject, compute: Compute) -> None:
    """Have a subject computed each night, in a step beside the others."""
    _steps[subject] = compute


def register_conclusion(subject: Subject, conclude: Conclude) -> None:
    """Have a subject computed once all the others have ended."""
    _conclusions[subject] = conclude


class IntelligenceHandler(Handler):
    """Computes each subject in a step of its own: one that fails leaves the others be."""

    def plan(self) -> Iterator[PlannedStep]:
        return (PlannedStep(subject.value) for subject in _steps)

    def execute(self, step: PlannedStep) -> Counts:
        return _steps[Subject(step.name)](self._claim, timezone.now())


def _conclude(run: Run) -> Counts:
    for step in run.steps.filter(status=Status.FAILED):
        Computation.objects.withheld(Subject(step.name), f"Its computation failed: {step.error}", run)
    counts = Counts()
    for conclude in _conclusions.values():
        counts += conclude(run, timezone.now())
    return counts


def register_pipeline() -> None:
    """Make the nightly computation known."""
    registry.register(
        Pipeline(
            name=INTELLIGENCE,
            handler=IntelligenceHandler,
            conclude=_conclude,
            cron=AFTER_THE_DATA,
            title="Compute forecasts, anomalies, savings and carbon",
            queue="etl",
        )
    )
