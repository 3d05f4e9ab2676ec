"""How likely the next minutes' demand is to be more than each size of a group carries. Pure, and causal.

Four experts say so, each by the share of past minutes that were more than a size carries:

- the last minutes, and the last hours: demand stays as it is;
- jumps: demand moves from what it is now as it ever moved before in the like circumstance (`scaling.jumps`);
- season: demand is what it was at this quarter of an hour of the days before.

Their mixture is weighted by how probable each had called the minutes that came. That says what usually comes,
and little of what is rare; so where jumps say more than the mixture, `JUMPS_SHARE` of the forecast is theirs.
Source: fixed-share mixing of experts, M. Herbster and M. Warmuth, Tracking the best expert (1998).
"""

from collections import deque
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scaling.jumps import Jumps

BOOT_MINUTES, REACH_MINUTES = 4, 12
"""A unit asked for now serves in the fourth minute from now; the forecast is for the twelve from then on."""

LEAST_MINUTES = 60
"""Nothing is foreseen before so many minutes were observed."""

JUMPS_SHARE = 0.8

LEAST_IN_QUARTER = 8
QUARTER_MINUTES = 15
_DAY_QUARTERS = 96
_RECENT_RATES = 1 - 0.5 ** (1 / np.array([[8], [120]]))
"""Half-lives of 8 and 120 minutes."""
_DAY_RATE = 0.2
_SCORED_MINUTES, _SHARPNESS = 6, 0.1
_LEAST_CHANCE, _SHARED = 1e-3, 1e-3
_EXPERTS = 4

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Past:
    """What is remembered of a minute: demand, and what each expert foresaw in it."""

    demand: Floats
    foreseen: Floats


class Forecaster:
    """Learns from the demand of several series, minute by minute.

    `carried` are the demands (units at 100 %) that the sizes carry, ascending; an instance is `unit` of them.
    Results are series x sizes.
    """

    def __init__(self, carried: Floats, series: int, *, unit: float = 1) -> None:
        sizes = len(carried)
        self._carried = carried
        self.minutes = np.zeros(series, np.int64)
        """How many minutes of each series were known."""
        self._minute: int | None = None
        self._recent = np.zeros((len(_RECENT_RATES), series, sizes))
        self._season = np.full((_DAY_QUARTERS, series, sizes), np.nan)
        self._quarter, self._in_quarter = np.zeros((series, sizes)), np.zeros(series)
        self._jumps = Jumps(series, (BOOT_MINUTES, BOOT_MINUTES + 1), unit=unit)
        self._weights = np.full((series, _EXPERTS), 1 / _EXPERTS)
        self._past: deque[_Past | None] = deque(maxlen=_SCORED_MINUTES)
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
        self._jumps.observe(demand)
        self._quarter += is_over & known[:, None]
        self._in_quarter += known
        self._past.append(self._seen(demand))

    def over(self) -> Floats:
        """Return how likely a minute in the forecast's reach is to be more than each size carries."""
        mixed = (self.ahead(BOOT_MINUTES) + self.ahead(BOOT_MINUTES + REACH_MINUTES)) / 2
        jumps = np.maximum(self._newest().foreseen[-2], mixed)
        return np.asarray((1 - JUMPS_SHARE) * mixed + JUMPS_SHARE * jumps)

    def ahead(self, minutes: int) -> Floats:
        """Return how likely the minute so many from the last is to be more than each size carries.

        Of hours ahead the season knows most, and the other experts say what they say of the next minutes.
        """
        experts = self._newest().foreseen.copy()
        experts[-1] = self._of_season((self._minute or 0) + minutes, experts[-2])
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
            unknown = minute - self._minute - 1
            self._past.extend([None] * min(unknown, _SCORED_MINUTES))
            self._jumps.skip(unknown)
            if minute // QUARTER_MINUTES != self._minute // QUARTER_MINUTES:
                self._learn_season(self._minute // QUARTER_MINUTES % _DAY_QUARTERS)
        self._minute = minute

    def _newest(self) -> _Past:
        newest = self._past[-1] if self._past else None
        if newest is None:
            raise ValueError("nothing was observed yet")
        return newest

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

    def _learn_season(self, quarter: int) -> None:
        """Let the quarter that is over count at its time of day, where half of it was observed."""
        is_enough = self._in_quarter >= LEAST_IN_QUARTER
        share = self._quarter[is_enough] / self._in_quarter[is_enough, None]
        before = self._season[quarter, is_enough]
        is_first = np.isnan(before)
        self._season[quarter, is_enough] = np.where(is_first, share, before + _DAY_RATE * (share - before))
        self._quarter[:], self._in_quarter[:] = 0, 0

    def _seen(self, demand: Floats) -> _Past:
        """Return what to remember of a minute; from unknown demand nothing jumps."""
        moved = self._jumps.over(self._carried)
        jumps = np.where(np.isnan(moved), self._recent[0], moved)
        season = self._of_season((self._minute or 0) + BOOT_MINUTES, jumps)
        return _Past(demand, np.stack([*self._recent, jumps, season]))

    def _of_season(self, minute: int, otherwise: Floats) -> Floats:
        season = self._season[minute // QUARTER_MINUTES % _DAY_QUARTERS]
        return np.where(np.isnan(season), otherwise, season)
