"""Tukey's fences: which of the four metrics' newest values lie far outside what their window held before.

Source: J. W. Tukey, Exploratory Data Analysis (1977): 1.5 interquartile ranges beyond the quartiles.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FENCE = 1.5
PERCENT_FLOOR = 7.0
NETWORK_FLOOR_SHARE, NETWORK_FLOOR_BYTES = 0.25, 100_000.0
"""The least interquartile ranges: on a flat series the measured one is 0, and everything would be outside.

CPU and memory: 7 points. The fences are then at least 1.5 x 7 = 10.5 beyond the quartiles, so that no noise
of ten points, such as a mock's 40 to 50 %, is ever outside, however it is spread. Network: a quarter of the
median, so that any noise of 15 % about a middle m is inside: from a quartile of at least 0.85 m the fence is
another 1.5 x 0.25 x 0.85 m away, at 1.168 m, above 1.15 m. The 100 kB are for idle machines, whose trickle of
heartbeats and time requests doubles and halves without a meaning.
"""
_METRICS = 4

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Fences:
    """The quartiles of each metric and row, and the bounds beyond them; NaN where too little is known."""

    q1: Floats
    q3: Floats
    lower: Floats
    upper: Floats

    @classmethod
    def none(cls, rows: int) -> "Fences":
        """Return fences that nothing is outside of."""
        return cls(*(np.full((_METRICS, rows), np.nan) for _ in range(4)))

    def put(self, rows: npt.NDArray[np.intp], found: "Fences") -> None:
        """Take what was found for some of the rows."""
        for name in self.__slots__:
            getattr(self, name)[:, rows] = getattr(found, name)


def fences(values: Floats, outlier: npt.NDArray[np.int16], min_samples: Floats) -> Fences:
    """Return the fences of windows, metrics x samples x rows, by their values that are not flagged.

    A metric of which fewer than `min_samples` such values are known has none.
    """
    base = _unflagged(values, outlier)
    count = np.isfinite(base).sum(axis=1)
    base.sort(axis=1)
    q1, median, q3 = (_quantile(base, count, share) for share in (0.25, 0.5, 0.75))
    for quartile in (q1, q3):
        quartile[count < min_samples] = np.nan
    reach = FENCE * np.maximum(q3 - q1, _floor(median))
    return Fences(q1, q3, q1 - reach, q3 + reach)


def _unflagged(values: Floats, outlier: npt.NDArray[np.int16]) -> Floats:
    """Return the values with infinity, which sorting puts last, for those that are unknown or flagged."""
    base = np.where(np.isnan(values), np.inf, values)
    if outlier.any():
        for metric in range(_METRICS):
            base[metric][(outlier & 0b11 << 2 * metric) != 0] = np.inf
    return base


def _quantile(ordered: Floats, count: npt.NDArray[np.intp], share: float) -> Floats:
    """Return the quantile of the first `count` samples of each row, between two of them by straight line."""
    position = np.maximum(count - 1, 0) * share
    below = position.astype(np.intp)
    above = np.minimum(below + 1, np.maximum(count - 1, 0))
    low, high = (np.take_along_axis(ordered, at[:, np.newaxis], axis=1)[:, 0] for at in (below, above))
    with np.errstate(invalid="ignore"):  # nothing known: infinity less infinity
        return low + (high - low) * (position - below)


def _floor(median: Floats) -> Floats:
    floor = np.full_like(median, PERCENT_FLOOR)
    floor[2:] = NETWORK_FLOOR_SHARE * median[2:] + NETWORK_FLOOR_BYTES
    return floor
