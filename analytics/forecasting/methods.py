"""Ways of forecasting. Each continues a series from several origins at once, and sees nothing after one.

`work` are values without gaps, oldest first; an origin is how many of them are known, and they rise;
`seasons` are one or two lengths, the shorter first; no origin is before two of the longer. The answer is
origins x horizon.
"""

from collections.abc import Callable

import numpy as np

from analytics.forecasting.series import Floats, Ints

Seasons = tuple[int, ...]
Method = Callable[[Floats, Seasons, Ints, int], Floats]

NEAR, AROUND, MULTIPLES = 3, 2, 6
"""The autoregression sees so many last values, as many on each side of a season, so many short seasons."""

PENALTY = 0.001
"""The ridge's, on values of unit variance."""

HUBER = 1.5
"""Residuals of more than so many robust deviations lose weight."""

FIRST_ROUNDS, NEXT_ROUNDS = 4, 2
"""Of reweighting at the first origin, and at the others, which begin with the weights of the one before."""

MOST_CARRIED = 0.99
_MAD_TO_DEVIATION = 1.4826
_TINY = 1e-9


def seasonal_naive(work: Floats, seasons: Seasons, origins: Ints, horizon: int) -> Floats:
    """Repeat the last short season."""
    return _repeated(work, seasons[0], origins, horizon)


def longer_naive(work: Floats, seasons: Seasons, origins: Ints, horizon: int) -> Floats:
    """Repeat the last long season."""
    return _repeated(work, seasons[-1], origins, horizon)


def drift(work: Floats, seasons: Seasons, origins: Ints, horizon: int) -> Floats:
    """Repeat the last long season, moved on by the average move of all before it."""
    season = seasons[-1]
    levels = np.convolve(work, np.full(season, 1 / season), "valid")
    slope = (levels[origins - season] - levels[0]) / (origins - season)
    steps = season * (1 + np.arange(horizon) // season)
    moved: Floats = _repeated(work, season, origins, horizon) + slope[:, None] * steps
    return moved


def robust_regression(work: Floats, seasons: Seasons, origins: Ints, horizon: int) -> Floats:
    """Fit a line, the place in the season and, of two, the day of the week; carry the last residual on.

    Source: Huber 1964, by iteratively reweighted least squares.
    """
    terms = _terms(len(work) + horizon, seasons)
    weights = np.ones(0)
    found = np.empty((len(origins), horizon))
    for row, origin in enumerate(origins):
        fresh = np.ones(origin - len(weights))
        rounds = NEXT_ROUNDS if len(weights) else FIRST_ROUNDS
        seen, past = terms[:origin], work[:origin]
        weights = np.concatenate([weights, fresh])
        for _ in range(rounds):
            weighted = seen.T * weights
            gram = weighted @ seen
            fitted = np.linalg.solve(gram + _TINY * np.trace(gram) * np.eye(len(gram)), weighted @ past)
            residual = past - seen @ fitted
            size = np.abs(residual)
            width = HUBER * _MAD_TO_DEVIATION * np.partition(size, origin // 2)[origin // 2] + _TINY
            weights = width / np.maximum(width, size)
        carried = _carried(residual) ** np.arange(1, horizon + 1) * residual[-1]
        found[row] = terms[origin : origin + horizon] @ fitted + carried
    return found


def ridge_autoregression(work: Floats, seasons: Seasons, origins: Ints, horizon: int) -> Floats:
    """Regress on the last values and on those about a season ago, shrunk, and go on from its own forecasts.

    Source: Hoerl and Kennard 1970.
    """
    lags = _lags(seasons, int(origins[0]))
    longest = int(lags[-1])
    path = np.empty((len(origins), longest + horizon))
    weights = np.empty((len(origins), len(lags)))
    for row, origin in enumerate(origins):
        past = work[:origin]
        centred = past - past.mean()
        behind = np.stack([centred[longest - lag : origin - lag] for lag in lags])
        penalty = PENALTY * max(_TINY, float(centred.var())) * behind.shape[1]
        gram = behind @ behind.T + penalty * np.eye(len(lags))
        weights[row] = np.linalg.solve(gram, behind @ centred[longest:])
        path[row, :longest] = centred[-longest:]
    for step in range(longest, longest + horizon):
        path[:, step] = np.einsum("ij,ij->i", path[:, step - lags], weights)
    averages = np.cumsum(work)[origins - 1] / origins
    return path[:, longest:] + averages[:, None]


def _repeated(work: Floats, season: int, origins: Ints, horizon: int) -> Floats:
    back: Floats = work[origins[:, None] - season + np.arange(horizon) % season]
    return back


def _terms(count: int, seasons: Seasons) -> Floats:
    steps = np.arange(count)
    parts = [(steps[:, None] / count), np.eye(seasons[0])[steps % seasons[0]]]
    if len(seasons) > 1:
        blocks = -(-seasons[1] // seasons[0])
        parts.append(np.eye(blocks)[steps % seasons[1] // seasons[0]][:, 1:])
    return np.concatenate(parts, axis=1)


def _carried(residual: Floats) -> float:
    """Return how much of a residual is found again a step later."""
    power = float(residual @ residual)
    if power <= _TINY:
        return 0.0
    return min(MOST_CARRIED, max(0.0, float(residual[1:] @ residual[:-1]) / power))


def _lags(seasons: Seasons, first: int) -> Ints:
    """Return the lags, rising, of which the first origin leaves a season to learn from."""
    around = [range(season - AROUND, season + AROUND + 1) for season in seasons]
    multiples = [seasons[0] * times for times in range(2, MULTIPLES + 1)]
    wanted = {*range(1, NEAR + 1), *multiples}.union(*around)
    return np.array(sorted(lag for lag in wanted if 0 < lag <= first - seasons[-1] + AROUND))
