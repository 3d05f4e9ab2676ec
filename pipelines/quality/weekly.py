"""The weekly report with its trend: as values, as a page that needs nothing else, and as text."""

import base64
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.template.loader import render_to_string

from alerts import services as alerts
from pipelines.models import QualityReport, ReportKind
from pipelines.quality import reports
from pipelines.quality.reports import shown
from pipelines.quality.scores import DIMENSIONS

WEEKS = 8
SCORES = (*DIMENSIONS, "total")
STYLE = (
    "body{font:16px/1.5 sans-serif;max-width:60em;margin:2em auto;padding:0 1em;color:#1b1f24}"
    "table{border-collapse:collapse;width:100%;margin:1em 0}"
    "th,td{border-bottom:1px solid #d0d7de;padding:.3em .6em;text-align:left;vertical-align:top}"
    ".number{text-align:right}.low{color:#b00020;font-weight:bold}"
    "svg{width:100%;height:auto}rect{fill:#0b5cad}rect.low{fill:#b00020}"
    "text{font:11px sans-serif;text-anchor:middle;fill:#1b1f24}"
)
"""Without any character that HTML would have escaped."""
STYLE_SOURCE = f"'sha256-{base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()}'"
CONTENT_SECURITY_POLICY = "; ".join(
    [
        "default-src 'none'",
        f"style-src {STYLE_SOURCE}",
        *(f"{name} 'none'" for name in ("base-uri", "form-action", "frame-ancestors")),
    ]
)
_NAMED_IN_TEXT = 20
_BAR, _GAP, _HEIGHT, _ABOVE, _BELOW = 60, 20, 100, 16, 20


@dataclass(frozen=True, slots=True)
class Bar:
    """A score of the trend as it is drawn; without a height where it is unknown."""

    label: str
    shown: str
    x: int
    middle: int
    y: float
    height: float
    label_y: float
    is_low: bool


def newest() -> QualityReport | None:
    """Return the report of the newest week; None before the first."""
    return reports.newest(ReportKind.WEEKLY)


# --- The trend -------------------------------------------------------------------------------
def trend(report: QualityReport) -> dict[str, Any]:
    """Return the scores of the last eight weeks and the totals of this week's days, the oldest first.

    `change` is this week's scores less those of the week before; None where either is unknown.
    """
    weeks = _weeks(report)
    before = next((week for week in weeks if week.end == report.end - timedelta(days=7)), None)
    return {
        "weeks": [{"start": week.start, "end": week.end, **scores_of(week)} for week in weeks],
        "days": [{"date": day, "total": total} for day, total in _days(report)],
        "change": {name: _change(name, report, before) for name in SCORES},
    }


def scores_of(report: QualityReport) -> dict[str, float | None]:
    """Return the scores of a report by their names."""
    return {name: getattr(report, name) for name in SCORES}


def _weeks(report: QualityReport) -> list[QualityReport]:
    """Return the last report of each of the last weeks, this one's included."""
    first = report.end - timedelta(weeks=WEEKS - 1)
    found = QualityReport.objects.filter(kind=ReportKind.WEEKLY, end__range=(first, report.end))
    newest_of = {each.end: each for each in found.exclude(end=report.end).order_by("id")}
    return sorted([*newest_of.values(), report], key=lambda week: week.end)[-WEEKS:]


def _days(report: QualityReport) -> list[tuple[date, float | None]]:
    """Return the totals of the week's days; those without a report of their own are unknown."""
    found = QualityReport.objects.filter(
        kind=ReportKind.DAILY, start__gte=report.start, end__lte=report.end
    ).order_by("id")
    totals = {each.start: each.total for each in found if (each.end - each.start).days == 1}
    days = [report.start + timedelta(days=number) for number in range((report.end - report.start).days)]
    return [(day, totals.get(day)) for day in days]


def _change(name: str, report: QualityReport, before: QualityReport | None) -> float | None:
    now, then = getattr(report, name), getattr(before, name, None)
    return None if now is None or then is None else round(now - then, 2)


# --- Telling ---------------------------------------------------------------------------------
def tell(report: QualityReport) -> None:
    """Have the report sent to people; for use in the transaction that writes it."""
    alerts.report(title(report), as_text(report), as_html(report))


def title(report: QualityReport) -> str:
    """Return the report's heading, with its total."""
    last = report.end - timedelta(days=1)
    return f"Quality of {report.start} to {last}: {shown(report.total)}"


def as_html(report: QualityReport) -> str:
    """Return a page without scripts that loads nothing."""
    told = trend(report)
    return render_to_string(
        "pipelines/quality_weekly.html",
        {
            "report": report,
            "title": title(report),
            "style": STYLE,
            "rows": _rows(report, told["change"]),
            "datasets": _dataset_rows(report),
            "dimensions": SCORES,
            "weeks": _bars((f"{week['end']:%m-%d}", week["total"]) for week in told["weeks"]),
            "days": _bars((f"{day['date']:%m-%d}", day["total"]) for day in told["days"]),
            "height": _ABOVE + _HEIGHT + _BELOW,
            "baseline": _ABOVE + _HEIGHT + _BELOW - 5,
            "left_out": reports.failures_left_out(report),
        },
    )


def as_text(report: QualityReport) -> str:
    """Return the report for readers of plain text."""
    told = trend(report)
    scores = [
        f"{row['name']:<14}{row['shown']:>8}{row['change']:>8}  {row['unknown']}".rstrip()
        for row in _rows(report, told["change"])
    ]
    weeks = [f"{week['start']} to {week['end']} {shown(week['total']):>8}" for week in told["weeks"]]
    days = [f"{day['date']} {shown(day['total']):>8}" for day in told["days"]]
    named = [f"{each['check']}: {each['subject']}: {each['detail']}" for each in report.failures]
    more = reports.failures_left_out(report) + max(0, len(named) - _NAMED_IN_TEXT)
    failures = [*named[:_NAMED_IN_TEXT], *([f"... and {more} more"] if more else [])] or ["none"]
    parts = (("Weeks", weeks), ("Days", days), ("What failed", failures))
    told_parts = ("\n".join([name, *lines]) for name, lines in parts)
    return "\n\n".join([title(report), "\n".join(scores), *told_parts]) + "\n"


def _rows(report: QualityReport, change: dict[str, float | None]) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "shown": shown(score),
            "is_low": _is_low(score),
            "change": "" if change[name] is None else f"{change[name]:+.1f}",
            "unknown": report.unknown.get(name, ""),
        }
        for name, score in scores_of(report).items()
    ]


def _dataset_rows(report: QualityReport) -> list[tuple[str, list[str]]]:
    return [
        (name, [shown(scores.get(score)) for score in SCORES]) for name, scores in report.datasets.items()
    ]


def _bars(scores: Iterable[tuple[str, float | None]]) -> Sequence[Bar]:
    return [_bar(place, label, score) for place, (label, score) in enumerate(scores)]


def _bar(place: int, label: str, score: float | None) -> Bar:
    x, height = place * (_BAR + _GAP) + _GAP // 2, _HEIGHT * (score or 0.0) / 100
    y = round(_ABOVE + _HEIGHT - height, 1)
    return Bar(
        label=label,
        shown=shown(score),
        x=x,
        middle=x + _BAR // 2,
        y=y,
        height=round(height, 1),
        label_y=y - 4,
        is_low=_is_low(score),
    )


def _is_low(score: float | None) -> bool:
    return score is not None and score < reports.GOOD
