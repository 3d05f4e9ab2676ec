"""How far demand moves while a unit boots: from every such move that was ever seen. Pure, and causal.

A move is the logarithm of a ratio, so that what was learned at night holds by day. What comes next depends
on how demand moved in the last minute (half of a surge is a sign of the other half), and on whether it is
high or low for the last minutes (it rises steadily, or comes back from a peak). Moves are counted for each
such circumstance, and for each trend whatever the height, and for all together; where little was seen of the
one, the next wider counts.

Nothing is forgotten: what happens once a week is the reason for most of the room that a steady load needs,
and an average of the last hours would not know of it.
"""

from collections import deque
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

LITTLE = 0.05
"""Instances added before ratios are taken, so that a request more in an idle minute is no surge."""

_TRENDS = np.array([-0.12, -0.05, -0.015, 0.015, 0.05, 0.12])
_HEIGHTS = np.array([-0.2, -0.05, 0.05, 0.2])
_USUAL_RATE = 1 - 0.5 ** (1 / 10)
_STEP, _STEPS = 0.03, 100
_FEW = 50
"""Where fewer moves than that were seen, what is known of the wider circumstance counts more."""
_PRIOR = 30
"""Moves that are assumed before any was seen: half of them up, each 5 % more a third rarer."""

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class _Point:
    demand: Floats
    trend: Ints
    height: Ints


class Jumps:
    """Learns how the demand of several series moves within any of `lags` minutes.

    Demand is in units of which an instance has so many.
    """

    def __init__(self, series: int, lags: tuple[int, ...], *, unit: float = 1) -> None:
        self._lags, self._rows, self._little = lags, np.arange(series), LITTLE * unit
        circumstances, moves = (len(_TRENDS) + 1, len(_HEIGHTS) + 1), 2 * _STEPS + 2
        # By move, the largest first: what is beyond one is a sum from the start.
        self._counts = np.zeros((series, *circumstances, moves), np.float32)
        self._of_trend = np.zeros((series, circumstances[0], moves), np.float32)
        self._of_all = np.zeros((series, moves), np.float32)
        steps = np.arange(_STEPS, -_STEPS - 1, -1) * _STEP / 0.05
        self._prior = np.where(steps < 0, 1 - 0.5 * np.exp(steps / 2), 0.5 * np.exp(-(steps + 1) / 2))
        self._usual, self._known = np.zeros(series), np.zeros(series)
        self._points: deque[_Point | None] = deque(maxlen=max(lags))

    def skip(self, minutes: int) -> None:
        """Let minutes pass of which nothing is known."""
        self._points.extend([None] * min(minutes, max(self._lags)))

    def observe(self, demand: Floats) -> None:
        """Learn from a minute; demand that is NaN is unknown."""
        known = ~np.isnan(demand)
        for lag in self._lags:
            start = self._points[-lag] if lag <= len(self._points) else None
            if start is not None:
                self._count(start, demand, self._rows[known & ~np.isnan(start.demand)])
        self._known += known
        rates = known * np.maximum(_USUAL_RATE, 1 / np.maximum(self._known, 1))
        self._usual += rates * (np.where(known, demand, 0.0) - self._usual)
        self._points.append(self._point(demand))

    def _count(self, start: _Point, demand: Floats, rows: Ints) -> None:
        steps = np.rint(self._moves(demand[rows], start.demand[rows]) / _STEP)
        places = _STEPS + 1 - np.clip(steps, -_STEPS, _STEPS + 1).astype(np.intp)
        self._counts[rows, start.trend[rows], start.height[rows], places] += 1
        self._of_trend[rows, start.trend[rows], places] += 1
        self._of_all[rows, places] += 1

    def over(self, carried: Floats) -> Floats:
        """Return how likely demand is then to be more than that (series x sizes); NaN where unknown now."""
        now = self._points[-1] if self._points else None
        if now is None:
            raise ValueError("nothing was observed yet")
        is_unknown = np.isnan(now.demand)[:, None]
        steps = np.floor(self._moves(carried, np.where(is_unknown, 0.0, now.demand[:, None])) / _STEP)
        places = _STEPS - np.clip(steps, -_STEPS, _STEPS).astype(np.intp)
        found = self._blended(self._prior[places], self._of_all, places, _PRIOR)
        found = self._blended(found, self._of_trend[self._rows, now.trend], places, _FEW)
        found = self._blended(found, self._counts[self._rows, now.trend, now.height], places, _FEW)
        return np.where(is_unknown, np.nan, found)

    def _point(self, demand: Floats) -> _Point:
        before = self._points[-1].demand if self._points and self._points[-1] else demand
        moves = self._moves(demand, np.where(np.isnan(before), demand, before))
        heights = self._moves(demand, self._usual)
        return _Point(demand, np.searchsorted(_TRENDS, moves), np.searchsorted(_HEIGHTS, heights))

    def _moves(self, after: Floats, before: Floats) -> Floats:
        return np.asarray(np.log((after + self._little) / (before + self._little)))

    def _blended(self, wider: Floats, counts: npt.NDArray[np.float32], places: Ints, weight: float) -> Floats:
        """Return the shares of moves before these places; a wider circumstance's are so many moves."""
        beyond = counts.cumsum(axis=1)
        return np.asarray((weight * wider + beyond[self._rows[:, None], places]) / (weight + beyond[:, -1:]))
