"""What comes next in a series, in a range that held in a backtest; or why nothing can be said."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from analytics.forecasting import conformal, selection
from analytics.forecasting.methods import Seasons
from analytics.forecasting.series import Floats, Series

HOURLY: Seasons = (24, 168)
DAILY: Seasons = (7,)

LEAST_SEASONS = 4
"""Of the shorter season, below which nothing is said: 4 days of hours, 4 weeks of days."""

LEAST_LONGER = 3
"""A longer season is looked at from so many on."""

MOST_MISSING = 0.25
COVERAGE = 0.8
LEAST_ORIGINS = 3
SHORTEST_SEASON = 2


@dataclass(frozen=True, slots=True)
class Forecast:
    """The values expected, each in a range, in the unit of those handed in, and how that did in the backtest.

    `coverage` is the share of values that ranges shall hold, `measured` the share that they held, both 0 to
    1. `smape` is in percent; `mase` is the mean error as a multiple of the mean move over a short season,
    None where the series never moved; both of a short season ahead at least. `errors` are actual minus
    expected, origins x steps from the last known value on, NaN where nothing was known to compare with.
    """

    expected: Floats
    low: Floats
    high: Floats
    method: str
    coverage: float
    measured: float
    mase: float | None
    smape: float
    origins: int
    errors: Floats


@dataclass(frozen=True, slots=True)
class Refusal:
    """Nothing is forecast, for this reason."""

    reason: str


def forecast(
    values: npt.ArrayLike, *, seasons: Seasons, horizon: int, coverage: float = COVERAGE
) -> Forecast | Refusal:
    """Forecast the next `horizon` values of a series in equal steps, oldest first; unknown ones are NaN.

    `seasons` are one or two lengths in steps, the shorter first, such as `HOURLY` and `DAILY`. Gaps are
    filled from a season before, and never count as errors. Raises: ValueError for lengths below the least.
    """
    if min(seasons) < SHORTEST_SEASON or horizon < 1 or not 0 < coverage < 1:
        raise ValueError("a season has two steps at least, a horizon one, and a coverage is between 0 and 1")
    series = Series.of(np.asarray(values, np.float64), seasons[0])
    if reason := _too_poor(series, seasons[0]):
        return Refusal(reason)
    usable = seasons[:1] if len(series) < LEAST_LONGER * seasons[-1] else seasons
    reach = max(series.late + horizon, seasons[0])
    tried = selection.origins(series, usable)
    if len(tried) < LEAST_ORIGINS:
        return Refusal(f"Only {len(tried)} times in the past can a forecast be compared with what came.")
    work = series.ahead(tried, reach, work=True)
    chosen = selection.choose(series, usable, tried, work)
    width = conformal.width(work - chosen.past, coverage)
    actual, past = series.ahead(tried, reach, work=False), series.back(chosen.past)
    ahead = slice(series.late, series.late + horizon)
    return Forecast(
        expected=series.back(chosen.path)[ahead],
        low=series.back(chosen.path - width.half)[ahead],
        high=series.back(chosen.path + width.half)[ahead],
        method=chosen.method,
        coverage=coverage,
        measured=width.measured,
        mase=mase(actual, past, series.values, seasons[0]),
        smape=smape(actual, past),
        origins=len(tried),
        errors=(actual - past)[:, : ahead.stop],
    )


def smape(actual: Floats, expected: Floats) -> float:
    """Return the mean of 200 |y - f| / (|y| + |f|) over what is known; nothing expected and come is no error.

    Source: the M4 competition's rules.
    """
    size = np.abs(actual) + np.abs(expected)
    shares = np.where(size > 0, np.abs(actual - expected) / np.where(size > 0, size, 1.0), size)
    return float(200 * np.nanmean(shares))


def mase(actual: Floats, expected: Floats, history: Floats, season: int) -> float | None:
    """Return the mean error by the history's mean move over a season; None where it never moved.

    Source: Hyndman and Koehler 2006, and the M4 competition's rules.
    """
    scale = float(np.nanmean(np.abs(history[season:] - history[:-season])))
    return float(np.nanmean(np.abs(actual - expected))) / scale if scale > 0 else None


def _too_poor(series: Series, season: int) -> str:
    """Say why nothing can be said; empty where it can."""
    least = LEAST_SEASONS * season
    if len(series) < least:
        return f"{len(series)} of the {least} values that a forecast is made from are there."
    if series.late > season:
        return f"The newest value is {series.late} steps old, and {season} is the most."
    if series.missing > MOST_MISSING:
        return f"{series.missing:.0%} of the values are unknown, and {MOST_MISSING:.0%} is the most."
    return ""
