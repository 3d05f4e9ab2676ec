"""The charts of costs: each day by its parts, and the month as it adds up, with its budgets."""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from decimal import Decimal
from itertools import accumulate

from analytics.costs import CostDay
from analytics.models import Anomaly, Budget, MonthEndForecast
from analytics.service_names import short_name
from core.period import Period
from dashboard import written
from dashboard.charts import Chart, Figure, Kind, Mark, Series, Span
from dashboard.spending import Ahead, Cell, Chosen, Grouping, largest

DAYS_AHEAD = 14
"""So many of the coming days are drawn."""
MOST_BUDGETS = 4
OTHERS = "others"
_DAY = timedelta(days=1)
_OTHERS_COLOUR, _AHEAD_COLOUR, _BUDGET_COLOUR = 6, 4, 5


def trend(
    cells: Sequence[Cell],
    grouping: Grouping,
    chosen: Chosen,
    *,
    ahead: Ahead | None = None,
    anomalies: Iterable[Anomaly] = (),
) -> Chart | None:
    """Draw each day's costs by their parts, and those of the coming days where the range reaches them.

    None where nothing is stored of these days.
    """
    if not cells:
        return None
    coming = _coming(ahead, chosen.period, max(cell.day for cell in cells)) if ahead else {}
    days = _through(min(cell.day for cell in cells), max([*coming, *(cell.day for cell in cells)]))
    return Chart(
        id="trend",
        title="Cost of each day",
        unit=chosen.currency,
        at=days,
        low=0 if all(cell.amount >= 0 for cell in cells) else None,
        series=[*_parts(cells, grouping, days), *(_forecast(coming, days) if coming else ())],
        marks=[_mark(each) for each in anomalies],
        spans=estimated_spans({cell.day for cell in cells if cell.is_estimated}),
        is_stacked=True,
    )


def _through(first: date, last: date) -> list[date]:
    return [first + place * _DAY for place in range((last - first).days + 1)]


def _coming(ahead: Ahead, period: Period, last: date) -> dict[date, tuple[Decimal, Decimal, Decimal]]:
    """Return what is expected of the next days, where the range reaches what is not over."""
    expected = ahead.days()
    if not expected or period.end <= min(expected):
        return {}
    return {day: figures for day, figures in expected.items() if day <= last + DAYS_AHEAD * _DAY}


def _parts(cells: Sequence[Cell], grouping: Grouping, days: Sequence[date]) -> list[Series]:
    """Return a series for each of the largest parts, and one for what the others come to."""
    apart = largest(cells)
    amounts: dict[str, dict[date, Decimal]] = {part: {} for part in [*apart, OTHERS]}
    for cell in cells:
        of_day = amounts[cell.part if cell.part in apart else OTHERS]
        of_day[cell.day] = of_day.get(cell.day, Decimal(0)) + cell.amount
    # What is alone in its place is unknown where it is missing; of several parts, some may have cost nothing.
    missing = "unknown" if len(apart) == 1 else "no figure"
    return [
        Series(
            grouping.called(part) if part in apart else OTHERS,
            [of_day.get(day) for day in days],
            Kind.BARS,
            place if part in apart else _OTHERS_COLOUR,
            missing=missing,
        )
        for place, (part, of_day) in enumerate(amounts.items(), 1)
        if of_day
    ]


def _forecast(coming: dict[date, tuple[Decimal, Decimal, Decimal]], days: Sequence[date]) -> list[Series]:
    kinds = (("forecast", Kind.DASHED), ("forecast, low", Kind.LOW), ("forecast, high", Kind.HIGH))
    return [
        Series(
            label,
            [coming[day][place] if day in coming else None for day in days],
            kind,
            _AHEAD_COLOUR,
            missing="",
        )
        for place, (label, kind) in enumerate(kinds)
    ]


def _mark(anomaly: Anomaly) -> Mark:
    tone = "info" if anomaly.is_expected or anomaly.direction < 0 else "bad"
    moved = written.money(anomaly.delta_usd or 0)
    label = f"{'+' if anomaly.direction > 0 else ''}{moved} {short_name(anomaly.service)}"
    return Mark(anomaly.first_at.date(), label, tone)


def estimated_spans(days: Iterable[date]) -> list[Span]:
    """Return the stretches of days that AWS may still restate."""
    spans: list[Span] = []
    for day in sorted(days):
        if spans and day - spans[-1].last == _DAY:
            spans[-1] = Span(spans[-1].first, day, "estimated")
        else:
            spans.append(Span(day, day, "estimated"))
    return spans


# --- The month -------------------------------------------------------------------------------
def month(
    days: Sequence[CostDay], chosen: Chosen, expected: MonthEndForecast | None, budgets: Sequence[Budget]
) -> Chart | None:
    """Draw how the month adds up, where it is expected to end, and the budgets that hold for it.

    `chosen` is of the whole month; `budgets` are lines. None where nothing is stored of it.
    """
    if not days:
        return None
    at = _through(chosen.period.start, chosen.period.end - _DAY)
    return Chart(
        id="month",
        title=f"{chosen.period.start:%B %Y}, added up",
        unit=chosen.currency,
        at=at,
        low=0 if all(day.amount >= 0 for day in days) else None,
        series=[
            *_added_up(days, at, expected),
            *(
                Series(f"budget {each.name}", [each.amount] * len(at), Kind.DASHED, _BUDGET_COLOUR)
                for each in budgets[:MOST_BUDGETS]
            ),
        ],
        spans=estimated_spans(day.date for day in days if day.estimated),
    )


def _added_up(days: Sequence[CostDay], at: Sequence[date], expected: MonthEndForecast | None) -> list[Series]:
    sums = dict(zip((day.date for day in days), accumulate(day.amount for day in days), strict=True))
    spent = Series("spent", [sums.get(day) for day in at], Kind.AREA, 1, missing="")
    if expected is None or expected.expected is None or expected.month != at[0]:
        return [spent]
    last = max(sums)
    ends = (("month's end, low", expected.low), ("month's end, high", expected.high))
    leading: list[Figure] = [sums[last] if day == last else None for day in at]
    leading[-1] = expected.expected
    return [
        spent,
        Series("expected", leading, Kind.DASHED, _AHEAD_COLOUR, missing="", is_bridged=True),
        *(
            Series(label, [*[None] * (len(at) - 1), end], Kind.POINTS, _AHEAD_COLOUR, missing="")
            for label, end in ends
        ),
    ]
