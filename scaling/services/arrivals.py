"""Samples as they arrive: outliers among them are flagged, and all of them stored."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import numpy.typing as npt

from pipelines.registry import Counts
from scaling import rules, storage
from scaling.columns import Samples
from scaling.models import Source
from scaling.roster import Roster
from scaling.windows import Windows

Positions = npt.NDArray[np.intp]


def record(samples: Samples) -> Counts:
    """Flag each sample against the window before it, whatever the flags it comes with, and store them.

    For use inside a transaction. Samples of instances that do not exist are left out, and so are mocks' own
    ones where something was simulated for that moment or a later one.
    """
    roster = Roster.of(np.unique(samples.instance).tolist())
    samples = samples.where(np.isin(samples.instance, roster.instance))
    reach_us = (rules.reach_s(roster.policies.window_s, roster.period_s) * 1e6).astype(np.int64)
    oldest = samples.time[np.searchsorted(samples.instance, roster.instance)]
    stored = storage.read(roster.instance, oldest - reach_us)
    samples = samples.where(~_gives_way(samples, stored, roster.instance))
    if not len(samples):
        return storage.store(samples)
    series = _Series.of(stored, samples, roster.instance, reach_us)
    series.flag(np.flatnonzero(series.is_new))
    return storage.store(series.samples.where(series.is_new))


def _gives_way(new: Samples, stored: Samples, instances: npt.NDArray[np.int32]) -> npt.NDArray[np.bool_]:
    """Say which samples are mocks' own, where something was simulated for their moment or a later one."""
    simulated = stored.where(stored.source == Source.SIMULATED)
    last = np.full(len(instances), np.iinfo(np.int64).min)
    np.maximum.at(last, np.searchsorted(instances, simulated.instance), simulated.time)
    is_before = new.time <= last[np.searchsorted(instances, new.instance)]
    gives_way: npt.NDArray[np.bool_] = is_before & (new.source == Source.MOCK)
    return gives_way


@dataclass(frozen=True, slots=True)
class _Series:
    """New samples between those that are stored, with the reach of each instance's window.

    `row` is the place of a sample's instance among the instances; `order` grows with instance and time.
    """

    samples: Samples
    is_new: npt.NDArray[np.bool_]
    row: Positions
    order: npt.NDArray[np.int64]
    reach_us: npt.NDArray[np.int64]

    @classmethod
    def of(
        cls,
        stored: Samples,
        new: Samples,
        instances: npt.NDArray[np.int32],
        reach_us: npt.NDArray[np.int64],
    ) -> Self:
        samples, is_new = _merged(stored, new)
        row = np.searchsorted(instances, samples.instance)
        # The times of each instance begin a reach after those of the one before have ended.
        room_us = int(np.ptp(samples.time) + reach_us.max() + 1)
        return cls(samples, is_new, row, row * room_us + samples.time - samples.time.min(), reach_us)

    def flag(self, places: Positions) -> None:
        """Flag the samples at these places: of each instance one after the other, as they came."""
        for turn in _turns(self.row[places]):
            at = places[turn]
            windows = self._before(at)
            self.samples.outlier[at] = rules.outliers(windows, self.samples.values[:, at])

    def _before(self, at: Positions) -> Windows:
        """Return the windows that end before the samples at these places."""
        reach_us, rows = self.reach_us[self.row[at]], np.arange(len(at), dtype=np.int32)
        size = at - np.searchsorted(self.order, self.order[at] - reach_us, "right")
        before = np.arange(size.sum()) + np.repeat(at - np.cumsum(size), size)
        samples = replace(self.samples.where(before), instance=np.repeat(rows, size))
        return Windows.of(samples, rows, reach_us)


def _merged(stored: Samples, new: Samples) -> tuple[Samples, npt.NDArray[np.bool_]]:
    """Return both in their order, the new one of the same instance and moment alone, and which are new."""
    both = Samples(
        np.concatenate([stored.instance, new.instance]),
        np.concatenate([stored.time, new.time]),
        np.concatenate([stored.source, new.source]),
        np.concatenate([stored.outlier, new.outlier]),
        np.concatenate([stored.values, new.values], axis=1),
    )
    is_new = np.arange(len(both)) >= len(stored)
    order = np.lexsort((is_new, both.time, both.instance))
    both, is_new = both.where(order), is_new[order]
    is_last = np.ones(len(both), np.bool_)
    is_last[:-1] = (both.instance[1:] != both.instance[:-1]) | (both.time[1:] != both.time[:-1])
    return both.where(is_last), is_new[is_last]


def _turns(rows: Positions) -> Iterator[Positions]:
    """Yield the first places of all rows, then the second ones and so on; equal rows are side by side."""
    begin = np.flatnonzero(np.concatenate([[True], rows[1:] != rows[:-1]]))
    nth = np.arange(len(rows)) - np.repeat(begin, np.diff(np.append(begin, len(rows))))
    for turn in range(int(nth.max(initial=-1)) + 1):
        yield np.flatnonzero(nth == turn)
