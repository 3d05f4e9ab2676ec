"""Tukey's fences: which of the four metrics' newest values lie far outside what their window held before.

Source: J. W. Tukey, Exploratory Data Analysis (1977): 1.5 interquartile ranges beyond the quartiles.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

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
_NETWORK_WIDTH = 64
"""Up to so many samples a sorting network beats numpy's sort along the first axis, three times at ten."""

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

    def put(self, rows: Any, found: "Fences") -> None:
        """Take what was found for some of the rows."""
        for name in self.__slots__:
            getattr(self, name)[:, rows] = getattr(found, name)

    def forget(self, metrics: slice, rows: npt.NDArray[np.bool_]) -> None:
        """Let nothing be outside of the fences of some metrics in some rows."""
        for name in self.__slots__:
            getattr(self, name)[metrics, rows] = np.nan


def fences(values: Floats, outlier: npt.NDArray[np.int16], min_samples: Floats) -> Fences:
    """Return the fences of windows, samples x metrics x rows, by their values that are not flagged.

    A metric of which fewer than `min_samples` such values are known has none.
    """
    base = _unflagged(values, outlier)
    count = tally(base < np.inf)
    q1, median, q3 = _quartiles(_ordered(base), count)
    has_too_few = count < min_samples
    for quartile in (q1, q3):
        quartile[has_too_few] = np.nan
    reach = FENCE * np.maximum(q3 - q1, _floor(median))
    return Fences(q1, q3, q1 - reach, q3 + reach)


def tally(is_so: npt.NDArray[np.bool_]) -> Any:
    """Return for how many samples, the first axis, something is so, in the smallest type that holds it.

    numpy adds up bytes several times faster than it adds truths up to integers.
    """
    return np.add.reduce(is_so.view(np.uint8), axis=0, dtype=np.min_scalar_type(len(is_so)))


def _unflagged(values: Floats, outlier: npt.NDArray[np.int16]) -> Floats:
    """Return the values with infinity, which sorting puts last, for those that are unknown or flagged."""
    base = np.where(np.isnan(values), np.inf, values)
    if outlier.any():
        for metric in range(_METRICS):
            base[:, metric][(outlier & 0b11 << 2 * metric) != 0] = np.inf
    return base


def _ordered(base: Floats) -> Sequence[Floats]:
    """Sort along the samples; `base` is used up."""
    if len(base) > _NETWORK_WIDTH:
        base.sort(axis=0)
        return list(base)
    rows, spare = list(base), np.empty_like(base[0])
    for i, j in _network(len(base)):
        np.minimum(rows[i], rows[j], out=spare)
        np.maximum(rows[i], rows[j], out=rows[j])
        rows[i], spare = spare, rows[i]
    return rows


@cache
def _network(size: int) -> tuple[tuple[int, int], ...]:
    """Return which places are put in order, one pair after the other, to sort `size` of them.

    Source: K. E. Batcher, Sorting networks and their applications (1968), odd-even merge sort.
    """
    return tuple(_comparators(size))


def _comparators(size: int) -> Iterator[tuple[int, int]]:
    sorted_part = 1
    while sorted_part < size:
        apart = sorted_part
        while apart:
            for start in range(apart % sorted_part, size - apart, 2 * apart):
                for low in range(start, start + min(apart, size - start - apart)):
                    if low // (2 * sorted_part) == (low + apart) // (2 * sorted_part):
                        yield low, low + apart
            apart //= 2
        sorted_part *= 2


def _quartiles(ordered: Sequence[Floats], count: npt.NDArray[Any]) -> tuple[Floats, Floats, Floats]:
    """Return the three quartiles of the first `count` samples of each metric and row."""
    q1, median, q3 = found = _of_first(ordered, len(ordered))
    for known in map(int, np.unique(count)):
        if 0 < known < len(ordered):
            at = np.flatnonzero(count == known)
            fewer = _of_first([sample.ravel()[at] for sample in ordered[:known]], known)
            for quartile, part in zip(found, fewer, strict=True):
                quartile.ravel()[at] = part
    return q1, median, q3


def _of_first(ordered: Sequence[Floats], count: int) -> tuple[Floats, Floats, Floats]:
    q1, median, q3 = (_quantile(ordered, (count - 1) * share) for share in (0.25, 0.5, 0.75))
    return q1, median, q3


def _quantile(ordered: Sequence[Floats], position: float) -> Floats:
    """Return what is at a position of the sorted samples, between two of them by straight line."""
    below = int(position)
    low, high = ordered[below], ordered[min(below + 1, len(ordered) - 1)]
    with np.errstate(invalid="ignore"):  # beyond what is known: infinity less infinity
        return low + (high - low) * (position - below)


def _floor(median: Floats) -> Floats:
    floor = np.full_like(median, PERCENT_FLOOR)
    floor[2:] = NETWORK_FLOOR_SHARE * median[2:] + NETWORK_FLOOR_BYTES
    return floor
