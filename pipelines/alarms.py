"""What the ending of a run says about troubles: which alerts it opens, and which it resolves.

A run that failed, or got only part, has an alert of its own. Where the cloud refused who asked, one alert
for the account says so, whatever number of steps and runs met that refusal; it is resolved by a run of the
pipeline that met it last. A run with children says nothing: they do.
"""

from collections import defaultdict

from alerts import services as alerts
from alerts.models import Severity
from pipelines.history import MAX_LOST_WORKERS
from pipelines.models import Run, Status, Step


def run_key(pipeline: str, scope: str) -> str:
    """Return the key of the alert on runs of a pipeline and scope."""
    return f"run:{pipeline}:{scope}"


def access_key(subject: str) -> str:
    """Return the key of the alert on access to an account, or whatever else steps are about."""
    return f"access:{subject}"


def ended(run_id: int, *, error: str = "", refused: bool = False, lost: bool = False) -> None:
    """Open and resolve alerts; for use in the transaction that ends the run.

    `error` is what stopped the run as a whole: a refusal, too many lost workers, or something else.
    """
    run = Run.objects.get(pk=run_id)
    steps = list(run.steps.only("name", "status", "error", "refused", "lost_workers"))
    access = _access(steps)
    if refused or not error:
        access = {run.scope: error} | access
    # In one order, so that two runs that end at once cannot wait for each other.
    for subject, refusal in sorted(access.items()):
        _report_access(run, subject, refusal)
    lost = lost or any(step.error and step.lost_workers >= MAX_LOST_WORKERS for step in steps)
    stopped = bool(error) and not refused
    if stopped or any(step.error and not step.refused for step in steps):
        _open_run_alert(run, lost=lost)
    elif run.status == Status.SUCCEEDED:
        alerts.resolve(run_key(run.pipeline, run.scope))


def _access(steps: list[Step]) -> dict[str, str]:
    """Return the first refusal of each subject, empty where its steps show that there is none any more."""
    parts: defaultdict[str, list[Step]] = defaultdict(list)
    for step in steps:
        parts[step.subject].append(step)
    found = {subject: next((one.error for one in ones if one.refused), "") for subject, ones in parts.items()}
    failed = {step.subject for step in steps if step.status != Status.SUCCEEDED}
    return {subject: refusal for subject, refusal in found.items() if refusal or subject not in failed}


def _report_access(run: Run, subject: str, refusal: str) -> None:
    if not refusal:
        alerts.resolve(access_key(subject), source=run.pipeline)
        return
    alerts.open(
        access_key(subject),
        severity=Severity.ERROR,
        title=f"Access to {subject} is refused",
        body=refusal,
        source=run.pipeline,
    )


def _open_run_alert(run: Run, *, lost: bool) -> None:
    severity = Severity.WARNING if run.status == Status.PARTIAL else Severity.ERROR
    alerts.open(
        run_key(run.pipeline, run.scope),
        severity=Severity.CRITICAL if lost else severity,
        title=f"{run.pipeline} ({run.scope}) {'was given up' if lost else run.status}",
        body=run.error,
        source=run.pipeline,
    )
