"""How likely the next minutes' demand is to be more than each size of a group carries. Pure, and causal.

Four experts say so, each the exponentially weighted share of past minutes that were more than a size carries:

- the last minutes, and the last hours: demand stays as it is;
- change: demand moves from what it is now as it moved before, when it had been rising or falling as fast;
- season: demand is what it was at this quarter of an hour of the days before.

Their mixture is weighted by how probable each had called the minutes that came.
Source: fixed-share mixing of experts, M. Herbster and M. Warmuth, Tracking the best expert (1998).
"""

from collections import deque
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

BOOT_MINUTES, REACH_MINUTES = 4, 12
"""A unit asked for now serves in the fourth minute from now; the forecast is for the twelve from then on."""

LEAST_MINUTES = 60
"""Nothing is foreseen before so many minutes were observed."""

LEAST_IN_QUARTER = 8
QUARTER_MINUTES = 15
_DAY_QUARTERS = 96
_RECENT_RATES = 1 - 0.5 ** (1 / np.array([[8], [120]]))
"""Half-lives of 8 and 120 minutes."""
_DAY_RATE = 0.2
_CHANGE_LAGS = (4, 8, 12)
_CHANGE_RATE, _CHANGE_PRIOR = 1 / 4000, 30
_TREND_MINUTES = 2
_TRENDS = np.array([-0.15, -0.04, 0.04, 0.15])
"""Logarithms of ratios: whether demand falls fast, falls, stays, rises or rises fast."""
_BIN, _BINS = 0.05, 60
_LITTLE = 0.05
"""Units added before ratios are taken, so that a request more in an idle minute is no surge."""
_SCORED_MINUTES, _SHARPNESS = 6, 0.1
_LEAST_CHANCE, _SHARED = 1e-3, 1e-3
_EXPERTS = 4

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class _Past:
    """What is remembered of a minute: demand, its trend, and what each expert foresaw in it."""

    demand: Floats
    trend: Ints
    foreseen: Floats


class Forecaster:
    """Learns from the demand of several series, minute by minute.

    `carried` are the demands (units at 100 %) that the sizes carry, ascending. Results are series x sizes.
    """

    def __init__(self, carried: Floats, series: int) -> None:
        sizes = len(carried)
        self._carried = carried
        self.minutes = np.zeros(series, np.int64)
        """How many minutes of each series were known."""
        self._minute: int | None = None
        self._recent = np.zeros((len(_RECENT_RATES), series, sizes))
        self._season = np.full((_DAY_QUARTERS, series, sizes), np.nan)
        self._quarter, self._in_quarter = np.zeros((series, sizes)), np.zeros(series)
        steps = np.arange(-_BINS, _BINS + 1)
        prior = np.where(steps < 0, 1 - 0.5 * np.exp(steps / 2), 0.5 * np.exp(-(steps + 1) / 2))
        self._moved = np.broadcast_to(prior, (series, len(_TRENDS) + 1, len(steps))).copy()
        self._moves = np.zeros((series, len(_TRENDS) + 1))
        self._weights = np.full((series, _EXPERTS), 1 / _EXPERTS)
        self._past: deque[_Past | None] = deque(maxlen=max(_CHANGE_LAGS))
        self._rows = np.arange(series)

    @property
    def too_early(self) -> npt.NDArray[np.bool_]:
        """Say of which series too little was observed to foresee anything."""
        found: npt.NDArray[np.bool_] = self.minutes < LEAST_MINUTES
        return found

    @property
    def weights(self) -> Floats:
        """How far each expert is believed, series x experts."""
        return self._weights.copy()

    def observe(self, minute: int, demand: Floats) -> None:
        """Learn from a minute, counted from 1970; demand that is NaN is unknown, and teaches nothing.

        Raises: ValueError for a minute that is not later than the last.
        """
        self._skip_to(minute)
        known = ~np.isnan(demand)
        is_over = demand[:, None] > self._carried + 1e-9
        self._score(is_over, known)
        self._learn_recent(is_over, known)
        self._learn_change(demand, known)
        self._quarter += is_over & known[:, None]
        self._in_quarter += known
        self._past.append(self._seen(demand))

    def over(self) -> Floats:
        """Return how likely a minute in the forecast's reach is to be more than each size carries."""
        return np.asarray((self.ahead(BOOT_MINUTES) + self.ahead(BOOT_MINUTES + REACH_MINUTES)) / 2)

    def ahead(self, minutes: int) -> Floats:
        """Return how likely the minute so many from the last is to be more than each size carries.

        Of hours ahead the season knows most, and the other experts say what they say of the next minutes.
        """
        newest = self._past[-1] if self._past else None
        if self._minute is None or newest is None:
            raise ValueError("nothing was observed yet")
        experts = newest.foreseen.copy()
        experts[-1] = self._of_season(self._minute + minutes, experts[-2])
        found: Floats = np.einsum("se,esc->sc", self._weights, experts)
        return found

    def expected(self, minutes: int, share: float) -> Floats:
        """Return the least carried demand that is enough so many minutes from the last, so probably.

        Infinite for a series where even the largest size carries too little.
        """
        is_enough = self.ahead(minutes) <= 1 - share
        return np.where(is_enough.any(axis=1), self._carried[is_enough.argmax(axis=1)], np.inf)

    def _skip_to(self, minute: int) -> None:
        """Let time pass until that minute: those between are unknown."""
        if self._minute is not None:
            if minute <= self._minute:
                raise ValueError(f"minute {minute} is not later than {self._minute}")
            self._past.extend([None] * min(minute - self._minute - 1, max(_CHANGE_LAGS)))
            if minute // QUARTER_MINUTES != self._minute // QUARTER_MINUTES:
                self._learn_season(self._minute // QUARTER_MINUTES % _DAY_QUARTERS)
        self._minute = minute

    def _ago(self, minutes: int) -> _Past | None:
        """Return what is remembered of a minute before the one that is being observed."""
        return self._past[-minutes] if minutes <= len(self._past) else None

    def _score(self, is_over: npt.NDArray[np.bool_], known: npt.NDArray[np.bool_]) -> None:
        """Believe those more who had called it more probable that demand would be between these two sizes."""
        past = self._ago(_SCORED_MINUTES)
        if past is None:
            return
        place = is_over.sum(axis=1)
        series, sizes = is_over.shape
        bounded = np.ones((_EXPERTS, series, sizes + 2))
        bounded[:, :, 1:-1], bounded[:, :, -1] = past.foreseen, 0
        chance = bounded[:, self._rows, place] - bounded[:, self._rows, place + 1]
        scored = self._weights * np.maximum(chance, _LEAST_CHANCE).T ** _SHARPNESS
        scored /= scored.sum(axis=1, keepdims=True)
        scored = (1 - _SHARED) * scored + _SHARED / _EXPERTS
        has_foreseen = known & ~np.isnan(past.demand)
        self._weights = np.where(has_foreseen[:, None], scored, self._weights)

    def _learn_recent(self, is_over: npt.NDArray[np.bool_], known: npt.NDArray[np.bool_]) -> None:
        self.minutes += known
        rates = known * np.maximum(_RECENT_RATES, 1 / np.maximum(self.minutes, 1))
        self._recent += rates[:, :, None] * (is_over - self._recent)

    def _learn_change(self, demand: Floats, known: npt.NDArray[np.bool_]) -> None:
        for lag in _CHANGE_LAGS:
            past = self._ago(lag)
            if past is None:
                continue
            rows = self._rows[known & ~np.isnan(past.demand)]
            trend = past.trend[rows]
            self._moves[rows, trend] += 1
            rates = np.maximum(_CHANGE_RATE, 1 / (self._moves[rows, trend] + _CHANGE_PRIOR))
            steps = np.rint(np.log((demand[rows] + _LITTLE) / (past.demand[rows] + _LITTLE)) / _BIN)
            has_moved = steps[:, None] > np.arange(-_BINS, _BINS + 1)
            self._moved[rows, trend] += rates[:, None] * (has_moved - self._moved[rows, trend])

    def _learn_season(self, quarter: int) -> None:
        """Let the quarter that is over count at its time of day, where half of it was observed."""
        is_enough = self._in_quarter >= LEAST_IN_QUARTER
        share = self._quarter[is_enough] / self._in_quarter[is_enough, None]
        before = self._season[quarter, is_enough]
        is_first = np.isnan(before)
        self._season[quarter, is_enough] = np.where(is_first, share, before + _DAY_RATE * (share - before))
        self._quarter[:], self._in_quarter[:] = 0, 0

    def _seen(self, demand: Floats) -> _Past:
        """Return what to remember of a minute; of unknown demand there is no trend, and no change from it."""
        past = self._ago(_TREND_MINUTES)
        before = demand if past is None else np.where(np.isnan(past.demand), demand, past.demand)
        trend = np.searchsorted(_TRENDS, np.log((demand + _LITTLE) / (before + _LITTLE)))
        trend[np.isnan(demand)] = len(_TRENDS) // 2
        change = self._of_change(demand, trend)
        season = self._of_season((self._minute or 0) + BOOT_MINUTES, change)
        return _Past(demand, trend, np.stack([*self._recent, change, season]))

    def _of_change(self, demand: Floats, trend: Ints) -> Floats:
        steps = np.log((self._carried + _LITTLE) / (demand[:, None] + _LITTLE)) / _BIN
        places = np.clip(np.floor(np.nan_to_num(steps)), -_BINS, _BINS).astype(np.intp) + _BINS
        moved: Floats = np.take_along_axis(self._moved[self._rows, trend], places, axis=1)
        return np.where(np.isnan(demand)[:, None], self._recent[0], moved)

    def _of_season(self, minute: int, otherwise: Floats) -> Floats:
        season = self._season[minute // QUARTER_MINUTES % _DAY_QUARTERS]
        return np.where(np.isnan(season), otherwise, season)
