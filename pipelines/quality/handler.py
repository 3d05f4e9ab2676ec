"""The pipelines that score what was collected: a step for each check, and a report at the end."""

from collections.abc import Iterator
from datetime import UTC, timedelta

from django.utils import timezone

from pipelines.models import ReportKind, Run, Status, Step
from pipelines.params import VALIDATION
from pipelines.quality import checks, reports, weekly
from pipelines.quality.checks import Check
from pipelines.quality.scores import Failure, Finding, Result
from pipelines.registry import Counts, Handler, PlannedStep
from pipelines.windows import Window, asked

WEEKLY = "weekly-validation"
_KINDS = {VALIDATION: ReportKind.DAILY, WEEKLY: ReportKind.WEEKLY}
_DAYS = {VALIDATION: 1, WEEKLY: 7}


class QualityHandler(Handler):
    """Makes every check that is registered, each in a step of its own: one that fails is unknown."""

    def plan(self) -> Iterator[PlannedStep]:
        return map(PlannedStep, checks.every())

    def execute(self, step: PlannedStep) -> Counts:
        self._claim.renew()
        finding = checks.every()[step.name].find(window_of(self._claim.run), timezone.now())
        self._claim.note(**_as_json(finding))
        return Counts(slots_checked=finding.of, slots_failed=finding.bad)


def window_of(run: Run) -> Window:
    """Return the days that a run looks at: those it was asked for, else the last whole ones, UTC."""
    today = run.created_at.astimezone(UTC).date()
    return asked(run) or Window(today - timedelta(days=_DAYS[run.pipeline]), today)


def conclude(run: Run) -> Counts:
    """Write the report of the run, or of the run that this one is a part of, and tell of a weekly one."""
    kind = _KINDS[run.pipeline]
    report, is_first = reports.write(run.parent or run, kind, window_of(run), _results(run))
    if kind == ReportKind.WEEKLY and is_first:
        weekly.tell(report)
    return Counts(quality_reports=1)


def _results(run: Run) -> list[Result]:
    steps = {step.name: step for step in run.steps.all()}
    return [_result(check, steps[name]) for name, check in checks.every().items() if name in steps]


def _result(check: Check, step: Step) -> Result:
    done = step.status == Status.SUCCEEDED
    finding = _from_json(step.outputs) if done else Finding.cannot_tell(f"The check failed: {step.error}")
    return Result(check.name, check.dimension, check.datasets, finding)


def _as_json(finding: Finding) -> dict[str, object]:
    """Return what a step keeps of a finding; the score is for those who read it there."""
    return {
        "of": finding.of,
        "bad": finding.bad,
        "rows": finding.rows,
        "score": finding.score,
        "unknown": finding.why_unknown,
        "failures": [[each.subject, each.detail] for each in finding.failures],
    }


def _from_json(kept: dict[str, object]) -> Finding:
    failures = kept["failures"]
    return Finding(
        of=int(str(kept["of"])),
        bad=int(str(kept["bad"])),
        rows=int(str(kept["rows"])),
        failures=tuple(Failure(*each) for each in failures) if isinstance(failures, list) else (),
        unknown=str(kept["unknown"]),
    )
