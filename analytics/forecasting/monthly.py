"""What a month will have cost: its final days, and a forecast of those that are not."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

import numpy as np

from analytics.costs import CostDay
from analytics.forecasting.forecasts import COVERAGE, DAILY, Forecast, Refusal, forecast
from analytics.forecasting.series import Floats, Series

_DAY = timedelta(days=1)
_CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class MonthEnd:
    """The cost of a month, in the currency handed in.

    `actual` is what the month's final days cost, until `final_through`; `days_filled` of the days before are
    unknown and taken as a week before. `days_ahead` are forecast. `coverage` is the share of months whose
    cost shall be in the range, `measured` the share of the backtest's sums that were.
    """

    expected: Decimal
    low: Decimal
    high: Decimal
    actual: Decimal
    final_through: date
    days_filled: int
    days_ahead: int
    coverage: float
    measured: float
    method: str
    origins: int


def month_end(days: Sequence[CostDay], today: date, *, coverage: float = COVERAGE) -> MonthEnd | Refusal:
    """Forecast what today's month will have cost, from the final days before today.

    Amounts of the same date are added up; a date is final when all of them are.
    """
    amounts = _final(days, today)
    if not amounts:
        return Refusal("No day's cost is final.")
    first, last = min(amounts), max(amounts)
    begin, end = today.replace(day=1), _next_month(today)
    stretch = (end - last).days - 1
    if (today - last).days - 1 > DAILY[0]:
        return Refusal(f"Costs are final through {last} only, more than a week ago.")
    values = np.full((last - first).days + 1, np.nan)
    for day, amount in amounts.items():
        values[(day - first).days] = float(amount)
    actual = sum((amount for day, amount in amounts.items() if day >= begin), Decimal(0))
    filled = _filled(values, (begin - first).days)
    known = actual + _money(float(filled.sum()))
    found = forecast(values, seasons=DAILY, horizon=stretch, coverage=coverage)
    if isinstance(found, Refusal):
        return found
    days_ahead = min(stretch, (end - begin).days)
    total = float(found.expected[-days_ahead:].sum())
    half, measured = _range(found, coverage)
    least = 0.0 if np.nanmin(values) >= 0 else -math.inf
    return MonthEnd(
        expected=known + _money(total),
        low=known + _money(max(least, total - half)),
        high=known + _money(total + half),
        actual=actual,
        final_through=last,
        days_filled=len(filled),
        days_ahead=days_ahead,
        coverage=coverage,
        measured=measured,
        method=found.method,
        origins=found.origins,
    )


def _final(days: Sequence[CostDay], today: date) -> dict[date, Decimal]:
    """Add up the dates before today of which nothing is estimated."""
    estimated = {day.date for day in days if day.estimated}
    amounts: dict[date, Decimal] = {}
    for day in days:
        if day.date < today and day.date not in estimated:
            amounts[day.date] = amounts.get(day.date, Decimal(0)) + day.amount
    return amounts


def _filled(values: Floats, begin: int) -> Floats:
    """Return what is taken for the month's unknown days; those from `begin` on are the month's."""
    series = Series.of(values, DAILY[0])
    filled = series.back(series.work)[-len(values) :]
    is_month = np.arange(len(values))[-len(filled) :] >= begin
    return filled[is_month & ~series.known]


def _range(found: Forecast, coverage: float) -> tuple[float, float]:
    """Return half the range of the sum, and the share of the backtest's sums that such ranges held.

    Origins that do not have the whole stretch behind them say what fewer days' average erred by, which is
    taken to grow as the root of their number.
    """
    stretch = found.errors.shape[1]
    reached = np.array([np.flatnonzero(~np.isnan(row))[-1] + 1 for row in found.errors])
    averages = np.abs(np.nanmean(found.errors, axis=1)) * np.sqrt(stretch / reached)
    held = [
        average <= _ranked(np.delete(averages, place), coverage) for place, average in enumerate(averages)
    ]
    return stretch * _ranked(averages, coverage), float(np.mean(held))


def _ranked(sizes: Floats, coverage: float) -> float:
    """Return what a further size is below with that chance, as far as so few can tell.

    Source: split conformal prediction, Lei et al. 2018.
    """
    rank = min(len(sizes), math.ceil((len(sizes) + 1) * coverage))
    return float(np.sort(sizes)[rank - 1])


def _next_month(day: date) -> date:
    return (day.replace(day=28) + 4 * _DAY).replace(day=1)


def _money(amount: float) -> Decimal:
    return Decimal(amount).quantize(_CENT)
