"""The newest samples of many instances, by their own timestamps: what the rules look at."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from scaling.columns import Samples

CLOUDWATCH, SIMULATED = 1, 3
"""Two of models.Source, which a module without Django cannot name."""
_NEAREST_PERIODS, _FARTHEST_PERIODS = 0.9, 1.5
_NARROW = 16
_CELLS = 1 << 16

Positions = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Block:
    """Windows of about the same length: `values` is samples x metrics x rows, `outlier` samples x rows.

    The newest sample is last; shorter windows begin with NaN. Rows come last so that numpy's inner loops run
    over thousands of them instead of ten samples.
    """

    rows: Positions
    values: npt.NDArray[np.float64]
    outlier: npt.NDArray[np.int16]

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def at(self) -> slice | Positions:
        """The rows as an index: a slice, which copies nothing, where they follow each other."""
        first, last = int(self.rows[0]), int(self.rows[-1])
        return slice(first, last + 1) if last - first + 1 == len(self.rows) else self.rows


@dataclass(frozen=True, slots=True)
class Windows:
    """A window for each of n instances: `samples` from `first` to before `stop`, none where those are equal.

    `known` counts the samples of which CPU or memory is known, `span_us` is the time from the first to the
    last of them, `simulated` says whether any sample is. All of them are in one of the blocks but the empty.
    """

    samples: Samples
    first: Positions
    stop: Positions
    known: npt.NDArray[np.intp]
    span_us: npt.NDArray[np.int64]
    simulated: npt.NDArray[np.bool_]
    blocks: tuple[Block, ...]

    @classmethod
    def of(cls, samples: Samples, instances: npt.NDArray[np.int32], reach_us: npt.NDArray[np.int64]) -> Self:
        """Return a window for each of `instances`, ascending: what is later than its newest less its reach.

        `samples` may hold more: other instances', and older ones.
        """
        first = np.searchsorted(samples.instance, instances, "left")
        stop = np.searchsorted(samples.instance, instances, "right")
        first = _trimmed(samples.time, first, stop, reach_us)
        known, span_us = _known(samples, first, stop)
        simulated = _count(samples.source == SIMULATED, first, stop) > 0
        return cls(samples, first, stop, known, span_us, simulated, tuple(_blocks(samples, first, stop)))

    def __len__(self) -> int:
        return len(self.first)

    @property
    def is_empty(self) -> npt.NDArray[np.bool_]:
        return np.equal(self.first, self.stop)

    def newest_us(self) -> npt.NDArray[np.int64]:
        """Return the time of each newest sample; where there is none, what is before all times."""
        newest = np.full(len(self), np.iinfo(np.int64).min)
        some = ~self.is_empty
        newest[some] = self.samples.time[self.stop[some] - 1]
        return newest

    def current(self) -> npt.NDArray[np.float64]:
        """Return the newest sample of each window, metrics x rows, NaN where there is none."""
        current = np.full((len(self.samples.values), len(self)), np.nan)
        for block in self.blocks:
            current[:, block.at] = block.values[-1]
        return current

    def is_uneven(self, period_s: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
        """Say in which windows neighbours from CloudWatch are not about a period apart.

        What they summed up is then not of equal spans, as after a change of the period.
        """
        uneven = np.zeros(len(self), np.bool_)
        measured = np.flatnonzero(self.samples.source == CLOUDWATCH)
        earlier = measured[:-1][np.diff(measured) == 1]
        row = np.searchsorted(self.stop, earlier, "right")
        # Both in one window; what is older than a window's first is in none.
        row, earlier = (kept[_is_within(earlier, row, self)] for kept in (row, earlier))
        apart = np.diff(self.samples.time)[earlier] / (period_s[row] * 1e6)
        uneven[row[(apart < _NEAREST_PERIODS) | (apart > _FARTHEST_PERIODS)]] = True
        return uneven

    def row(self, i: int) -> Samples:
        """Return the samples of one window."""
        return self.samples.where(slice(int(self.first[i]), int(self.stop[i])))


def _is_within(earlier: Positions, row: Positions, windows: Windows) -> npt.NDArray[np.bool_]:
    """Say of which places they and the next ones are in that window."""
    is_one = row < len(windows)
    row = row[is_one]
    is_one[is_one] = (windows.first[row] <= earlier[is_one]) & (earlier[is_one] + 1 < windows.stop[row])
    return is_one


def _trimmed(
    time: npt.NDArray[np.int64], first: Positions, stop: Positions, reach_us: npt.NDArray[np.int64]
) -> Positions:
    """Move each start to the first sample in reach of the newest one: a bisection of all rows at once."""
    if not len(time):
        return first
    cut = time[stop - 1] - reach_us
    low, high = first, stop
    while (is_open := low < high).any():
        middle = np.minimum((low + high) // 2, len(time) - 1)
        is_later = time[middle] > cut
        low, high = (
            np.where(is_open & ~is_later, middle + 1, low),
            np.where(is_open & is_later, middle, high),
        )
    return low


def _count(is_so: npt.NDArray[np.bool_], first: Positions, stop: Positions) -> Positions:
    """Return for how many samples of each window something is so."""
    before = _before(is_so)
    return before[stop] - before[first]


def _before(is_so: npt.NDArray[np.bool_]) -> Positions:
    """Return for how many samples before each position, and before the end, something is so."""
    return np.concatenate([np.zeros(1, np.intp), np.cumsum(is_so, dtype=np.intp)])


def _known(samples: Samples, first: Positions, stop: Positions) -> tuple[Positions, npt.NDArray[np.int64]]:
    """Return how many samples of each window know CPU or memory, and the time from the first to the last."""
    is_known = ~(np.isnan(samples.values[0]) & np.isnan(samples.values[1]))
    before = _before(is_known)
    start, end = before[first], before[stop]
    time, some = samples.time[is_known], start < end
    span_us = np.zeros(len(first), np.int64)
    span_us[some] = time[end[some] - 1] - time[start[some]]
    return end - start, span_us


def _blocks(samples: Samples, first: Positions, stop: Positions) -> Iterator[Block]:
    """Put windows of one order of length together, in pieces that fit a processor's cache.

    One window of a day among thousands of five minutes so widens no other.
    """
    order = np.ceil(np.log2(np.maximum(stop - first, _NARROW))).astype(np.intp)
    for exponent in np.unique(order):
        rows = np.flatnonzero((order == exponent) & (first < stop))
        step = max(1, _CELLS >> int(exponent))
        for start in range(0, len(rows), step):
            yield _block(samples, rows[start : start + step], first, stop)


def _block(samples: Samples, rows: Positions, first: Positions, stop: Positions) -> Block:
    width = int((stop[rows] - first[rows]).max())
    at = stop[rows] - width + np.arange(width)[:, np.newaxis]
    is_outside = at < first[rows]
    at[is_outside] = 0
    values = np.empty((width, len(samples.values), len(rows)))
    for metric, series in enumerate(samples.values):
        values[:, metric] = np.where(is_outside, np.nan, series[at])
    return Block(rows, values, np.where(is_outside, np.int16(0), samples.outlier[at]))
