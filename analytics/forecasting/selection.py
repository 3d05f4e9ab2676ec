"""Which method, or all together: by a backtest from rolling origins, which see nothing of what came after."""

from dataclasses import dataclass

import numpy as np

from analytics.forecasting import methods
from analytics.forecasting.methods import Method, Seasons
from analytics.forecasting.series import Floats, Ints, Series
from analytics.forecasting.smoothing import smoothing

ORIGINS = 9
LEAST_BEFORE = 2
"""No origin is before so many of the longer season."""

POWER = 4.0
"""A method's weight in the combination is the inverse of its error to this power."""

MARGIN = 0.9
"""A method alone is chosen where its error is less than so much of the combination's."""

COMBINATION = "combination"
METHODS: dict[str, Method] = {
    "seasonal naive": methods.seasonal_naive,
    "longer seasonal naive": methods.longer_naive,
    "drift": methods.drift,
    "exponential smoothing": smoothing,
    "robust regression": methods.robust_regression,
    "ridge autoregression": methods.ridge_autoregression,
}
_SAME_WITH_ONE_SEASON = "longer seasonal naive"
_TINY = 1e-12


@dataclass(frozen=True, slots=True)
class Chosen:
    """A method's forecast, in what the series works in, and what it would have been from the origins.

    `past` is origins x horizon, `path` the horizon's.
    """

    method: str
    past: Floats
    path: Floats


def origins(series: Series, seasons: Seasons) -> Ints:
    """Spread up to `ORIGINS` over the newer half, whole longer seasons apart where there is room.

    Some value of the season after each is known.
    """
    count = len(series)
    earliest = max(LEAST_BEFORE * seasons[-1], count // 2)
    room = count - earliest
    longer = room // ORIGINS // seasons[-1] * seasons[-1]
    stride = longer or max(1, min(seasons[0], -(-room // ORIGINS)))
    back = stride * np.arange(ORIGINS, 0, -1)
    tried = count - back[back <= room]
    return tried[~np.isnan(series.ahead(tried, seasons[0], work=True)).all(axis=1)]


def choose(series: Series, seasons: Seasons, tried: Ints, actual: Floats) -> Chosen:
    """Forecast by every method, from the end and from the origins tried, and keep what erred least.

    `actual` is what came after each origin, origins x horizon, and has something of each. How the combination
    errs at an origin is judged with weights from the others.
    """
    names = [name for name in METHODS if len(seasons) > 1 or name != _SAME_WITH_ONE_SEASON]
    everywhere = np.append(tried, len(series))
    low, high = series.bounds(everywhere)
    horizon = actual.shape[1]
    paths = np.stack([METHODS[name](series.work, seasons, everywhere, horizon) for name in names])
    paths = paths.clip(low, high)
    past, ahead = paths[:, :-1], paths[:, -1]
    errors = np.abs(past - actual)
    size = np.nanmean(errors, axis=(1, 2))
    combined = np.einsum("mo,moh->oh", _weights(_without_each(errors)), past)
    best = int(size.argmin())
    if size[best] < MARGIN * np.nanmean(np.abs(combined - actual)):
        return Chosen(names[best], past[best], ahead[best])
    return Chosen(COMBINATION, combined, _weights(size) @ ahead)


def _without_each(errors: Floats) -> Floats:
    """Return each method's mean error without those of one origin: methods x origins."""
    is_known = ~np.isnan(errors)
    sums, counts = np.nansum(errors, axis=2), is_known.sum(axis=2)
    left: Floats = (sums.sum(axis=1, keepdims=True) - sums) / (counts.sum(axis=1, keepdims=True) - counts)
    return left


def _weights(size: Floats) -> Floats:
    """Weigh by inverse errors; a method without any error takes all."""
    least = np.maximum(size.min(axis=0), _TINY)
    shares = (least / np.maximum(size, _TINY)) ** POWER
    weights: Floats = shares / shares.sum(axis=0)
    return weights
