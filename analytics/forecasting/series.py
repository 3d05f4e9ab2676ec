"""Values in equal steps, made ready: gaps filled from what came before, in logs where that suits them."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

MOST_VALUES = 2688
"""Older values are left out: sixteen weeks of hours, seven years of days."""

LOG_SPREAD = 100.0
"""Logs are taken where no value is less than the median's hundredth: nearer to zero they stretch noise."""

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.intp]


def in_steps(moments_s: npt.ArrayLike, values: npt.ArrayLike, step_s: int) -> Floats:
    """Put values at moments (seconds, in any order) into equal steps from the first to the last; NaN in gaps.

    Of several values in one step, the one handed in last counts.
    """
    places = np.asarray(moments_s, np.int64) // step_s
    if not len(places):
        return np.empty(0)
    spread = np.full(int(np.ptp(places)) + 1, np.nan)
    for place, value in zip((places - places.min()).tolist(), np.asarray(values).tolist(), strict=True):
        spread[place] = value
    return spread


@dataclass(frozen=True, slots=True)
class Series:
    """Values in equal steps, oldest first, the first and the last one known.

    `work` has no gaps and is in logs if `is_log`; `known` tells what was measured; `late` counts the steps
    after the last of them that are unknown.
    """

    values: Floats
    work: Floats
    known: Flags
    late: int
    is_log: bool

    @classmethod
    def of(cls, values: Floats, season: int) -> Self:
        """Leave out what is unknown at both ends, and fill the gaps between by the season."""
        finite = np.isfinite(values)
        places = np.flatnonzero(finite)
        if not len(places):
            return cls(values[:0], values[:0], finite[:0], len(values), is_log=False)
        first, end = max(places[0], places[-1] + 1 - MOST_VALUES), places[-1] + 1
        kept, known = values[first:end], finite[first:end]
        filled = _filled(kept, known, season)
        is_log = bool(filled.min() > 0 and filled.min() * LOG_SPREAD >= np.median(filled))
        return cls(kept, np.log(filled) if is_log else filled, known, len(values) - end, is_log)

    def __len__(self) -> int:
        return len(self.work)

    @property
    def missing(self) -> float:
        """The share of values that are not known."""
        return 1 - float(self.known.mean()) if len(self) else 1.0

    def bounds(self, origins: Ints) -> tuple[Floats, Floats]:
        """Return how far forecasts of `work` may go: the range until the origin, once more on each side."""
        low = np.minimum.accumulate(self.work)[origins - 1, None]
        high = np.maximum.accumulate(self.work)[origins - 1, None]
        return 2 * low - high, 2 * high - low

    def back(self, work: Floats) -> Floats:
        """Undo the logs; what was never negative does not become so."""
        if self.is_log:
            return np.exp(work)
        return np.maximum(work, 0.0) if np.nanmin(self.values) >= 0 else work

    def ahead(self, origins: Ints, horizon: int, *, work: bool) -> Floats:
        """Return what came after each origin, origins x horizon; NaN where that is unknown or yet to come."""
        padded = np.full(len(self) + horizon, np.nan)
        padded[: len(self)] = np.where(self.known, self.work if work else self.values, np.nan)
        ahead: Floats = padded[origins[:, None] + np.arange(horizon)]
        return ahead


def _filled(values: Floats, known: Flags, season: int) -> Floats:
    """Take the value of a season before, and at the beginning, where there is none, of a season after."""
    filled = np.where(known, values, np.nan)
    for place in np.flatnonzero(~known):
        if place >= season:
            filled[place] = filled[place - season]
    for place in np.flatnonzero(np.isnan(filled))[::-1]:
        filled[place] = filled[place + season] if place + season < len(filled) else np.nan
    return np.where(np.isnan(filled), np.nanmedian(filled), filled)
