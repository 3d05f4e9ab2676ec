"""Exponential smoothing of a level, a damped trend and one or two seasons; many settings at once."""

from itertools import product

import numpy as np

from analytics.forecasting.series import Floats, Ints

LEVEL = (0.003, 0.02, 0.1, 0.3)
TREND = (0.0, 0.1)
SHORT = (0.03, 0.1, 0.3)
LONG = (0.05, 0.15, 0.4)
CARRIED = (0.3, 0.7, 0.9, 0.97)
DAMPING = 0.9
MEMORY = 0.998
"""How much of an error still counts a step later when settings are compared."""

FIRST_LONG = 0.5
"""How much of the first long season's deviations is believed."""


def smoothing(work: Floats, seasons: tuple[int, ...], origins: Ints, horizon: int) -> Floats:
    """Continue each origin by the setting whose one-step errors until then were the least.

    Takes and returns what `analytics.forecasting.methods` says.
    Source: Taylor 2003 (two additive seasons, errors that carry on), Gardner and McKenzie 1985 (damping).
    """
    count = int(origins[-1])
    state = _State(work[: seasons[-1]], seasons, count)
    found = np.empty((len(origins), horizon))
    row = 0
    for step, value in enumerate(work[:count].tolist()):
        state.learn(step, value)
        if step + 1 == origins[row]:
            found[row] = state.ahead(step + 1, horizon)
            row += 1
    return found


class _State:
    """What each setting has learned: a column a setting."""

    def __init__(self, first: Floats, seasons: tuple[int, ...], count: int) -> None:
        long = LONG if len(seasons) > 1 else (0.0,)
        grid = np.array(list(product(LEVEL, TREND, SHORT, long, CARRIED)))
        self.level_rate, self.trend_rate, self.short_rate, self.long_rate, self.carried = grid.T.copy()
        self.trend_rate *= self.level_rate
        self.m, self.long_m = seasons[0], seasons[-1]
        centred = first - first.mean()
        places = np.arange(len(first)) % self.m
        usual = np.bincount(places, centred) / np.bincount(places)
        self.short = np.repeat(usual[:, None], len(grid), axis=1)
        self.long = np.repeat((FIRST_LONG * (centred - usual[places]))[:, None], len(grid), axis=1)
        self.level = np.full(len(grid), first.mean())
        self.trend = np.zeros(len(grid))
        self.errors = np.empty((count, len(grid)))
        self.loss, self.tested = np.zeros(len(grid)), self.long_m

    def learn(self, step: int, value: float) -> None:
        """Take one value more."""
        short, long, error = self.short[step % self.m], self.long[step % self.long_m], self.errors[step]
        self.trend *= DAMPING
        self.level += self.trend
        np.subtract(value - self.level, short, out=error)
        error -= long
        self.level += self.level_rate * error
        self.trend += self.trend_rate * error
        short += self.short_rate * error
        long += self.long_rate * error

    def ahead(self, origin: int, horizon: int) -> Floats:
        """Forecast with the setting that was best until now."""
        best = self._best(origin)
        steps = np.arange(origin, origin + horizon)
        ages = np.arange(1, horizon + 1)
        path: Floats = (
            self.level[best]
            + np.cumsum(DAMPING**ages) * self.trend[best]
            + self.short[steps % self.m, best]
            + self.long[steps % self.long_m, best]
            + self.carried[best] ** ages * self.errors[origin - 1, best]
        )
        return path

    def _best(self, origin: int) -> int:
        """Add up errors one step ahead; the first long season, of which the state was made, is no test."""
        new = self.errors[self.tested - 1 : origin]
        missed = np.abs(new[1:] - self.carried * new[:-1])
        ages = np.arange(len(missed))[::-1]
        self.loss = self.loss * MEMORY ** len(missed) + MEMORY**ages @ missed
        self.tested = origin
        return int(self.loss.argmin())
