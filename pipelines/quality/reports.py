"""Reports of quality: how they are written, which counts as the latest, and what it says of a data set."""

import math
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db.models import QuerySet
from django.utils import timezone

from alerts import services as alerts
from alerts.models import Severity
from pipelines import retention
from pipelines.models import QualityReport, ReportKind, Run
from pipelines.quality import scores
from pipelines.quality.scores import Result
from pipelines.windows import Window

GOOD = 90.0
"""A total below this is an alert."""
POOR = 70.0
"""Below this, the alert is an error."""
SPEAKS_FOR = timedelta(days=2)
"""A report that is older says nothing of the data that are there now."""
KEPT = timedelta(days=400)

_ROUNDING = 1e-6


def write(
    run: Run, kind: ReportKind, window: Window, results: Sequence[Result]
) -> tuple[QualityReport, bool]:
    """Store what the checks of a run found, and open or resolve the alert; for use inside a transaction.

    Returns the report, and whether it is the run's first: one that was resumed has its report replaced.
    """
    found = scores.report(results)
    datasets = {
        name: {**card.as_json(), "failures": found.failed[name]} for name, card in found.datasets.items()
    }
    report, is_first = QualityReport.objects.update_or_create(
        run=run,
        defaults={
            "kind": kind,
            "start": window.start,
            "end": window.end,
            **found.overall.as_json(),
            "failures": list(found.failures),
            "datasets": datasets,
            "computed_at": timezone.now(),
        },
    )
    if report == newest(kind):
        _alert(report)
    return report, is_first


def newest(kind: ReportKind) -> QualityReport | None:
    """Return the report of the newest days: one of old days, filled in later, speaks for nothing now."""
    return QualityReport.objects.filter(kind=kind).order_by("-end", "-id").first()


def latest() -> QualityReport | None:
    """Return the daily report that counts; None before the first."""
    return newest(ReportKind.DAILY)


def refusal(datasets: Sequence[str], minimum: float, now: datetime) -> str:
    """Say why the first of the data sets whose quality is known is not good enough.

    Empty where it is, and where nobody knows.
    """
    report = latest()
    if report is None or report.computed_at < now - SPEAKS_FOR:
        return ""
    known = ((name, score) for name in datasets if (score := total_of(report, name)) is not None)
    name, score = next(known, ("", minimum))
    if score >= minimum:
        return ""
    return (
        f"the quality of {name} is {shown(score)}, below {minimum:g} "
        f"(report {report.pk} of {report.computed_at:%Y-%m-%d})"
    )


def total_of(report: QualityReport, dataset: str) -> float | None:
    """Return a data set's total; None where it is unknown."""
    total: float | None = report.datasets.get(dataset, {}).get("total")
    return total


def failures_left_out(report: QualityReport) -> int:
    """Return how many failures are counted in the report, and not named."""
    counted = sum(int(each.get("failures", 0)) for each in report.datasets.values())
    return max(0, counted - len(report.failures))


def shown(score: float | None) -> str:
    """Write a score with one digit, rounded down: what is below a limit does not look as if it were not."""
    return "unknown" if score is None else f"{math.floor(score * 10 + _ROUNDING) / 10:.1f}"


def alert_key(kind: str) -> str:
    """Return the key of the alert on the reports of a kind."""
    return f"quality:{kind}"


def _alert(report: QualityReport) -> None:
    """Tell of a total that is too low; what is unknown is no news in either direction."""
    key = alert_key(report.kind)
    if report.total is None:
        return
    if report.total >= GOOD:
        alerts.resolve(key)
        return
    alerts.open(
        key,
        severity=Severity.WARNING if report.total >= POOR else Severity.ERROR,
        title=f"The {report.kind} quality is {shown(report.total)}, below {GOOD:g}",
        body=_body(report),
        source="quality",
    )


def _body(report: QualityReport) -> str:
    """Tell the scores, and the first of what failed."""
    told = {name: getattr(report, name) for name in scores.DIMENSIONS}
    lines = [f"{name}: {shown(score)}" for name, score in told.items()]
    named = [f"{each['check']}: {each['subject']}: {each['detail']}" for each in report.failures[:10]]
    more = failures_left_out(report) + len(report.failures) - len(named)
    return "\n".join([*lines, *named, *([f"... and {more} more."] if more else [])])


def register_retention() -> None:
    """Have daily reports deleted that are older than 400 days; the weekly ones are few, and stay."""
    retention.register_rows("quality-reports", "Daily quality reports", _old)


def _old(now: datetime) -> "QuerySet[QualityReport]":
    return QualityReport.objects.filter(kind=ReportKind.DAILY, computed_at__lt=now - KEPT).order_by("pk")
