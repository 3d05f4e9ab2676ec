"""Samples by columns, as numpy holds them: thousands at once, without an object for any of them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from collectors.samples import binary
from core.epoch import microseconds, moment

_HOUR, _DAY = (span // timedelta(microseconds=1) for span in (timedelta(hours=1), timedelta(days=1)))
_BEFORE = np.iinfo(np.int64).min
_NOTHING: list[tuple[Any, ...]] = [()] * 6


class Sample(NamedTuple):
    """What a series measured in the period that begins at `timestamp`; None is unknown.

    Percent for CPU and memory, bytes for the network.
    """

    series_id: int
    timestamp: datetime
    cpu: float | None = None
    memory: float | None = None
    network_in: float | None = None
    network_out: float | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """Samples, each of which knows something: whose they are, of which moment, and four metrics.

    `times` are PostgreSQL's microseconds since 2000; `values` has a row for each metric, NaN where unknown.
    Each series and moment is there once, in their order.
    """

    series: npt.NDArray[np.int32]
    times: npt.NDArray[np.int64]
    values: npt.NDArray[np.float64]

    @classmethod
    def of(cls, samples: Iterable[Sample]) -> Self:
        """Take samples one by one; of the same series and moment the last one counts."""
        series, moments, *values = list(zip(*samples, strict=True)) or _NOTHING
        return cls._tidy(np.array(series, np.int32), _microseconds(moments), np.array(values, np.float64))

    @classmethod
    def of_grids(
        cls, series: Sequence[int], moments: Sequence[datetime], grids: Sequence[npt.NDArray[np.float64]]
    ) -> Self:
        """Take a grid for each of the four metrics, with a row for each series, a column for each moment."""
        return cls._tidy(
            np.repeat(np.array(series, np.int32), len(moments)),
            np.tile(_microseconds(moments), len(series)),
            np.stack([grid.ravel() for grid in grids]),
        )

    @classmethod
    def joined(cls, batches: Iterable[Self]) -> Self:
        """Put batches together; of the same series and moment the last one counts."""
        parts = [cls.of([]), *batches]
        return cls._tidy(
            np.concatenate([part.series for part in parts]),
            np.concatenate([part.times for part in parts]),
            np.concatenate([part.values for part in parts], axis=1),
        )

    @classmethod
    def _tidy(
        cls, series: npt.NDArray[np.int32], times: npt.NDArray[np.int64], values: npt.NDArray[np.float64]
    ) -> Self:
        """Leave out what is unknown altogether, sort, and keep the last of the same series and moment."""
        known = np.flatnonzero(~np.isnan(values).all(axis=0))
        order = known[np.lexsort((times[known], series[known]))]
        series, times = series[order], times[order]
        is_last = np.ones(len(order), np.bool_)
        is_last[:-1] = (series[1:] != series[:-1]) | (times[1:] != times[:-1])
        return cls(series[is_last], times[is_last], values[:, order[is_last]])

    def __len__(self) -> int:
        return len(self.series)

    def between(self, first: datetime, end: datetime) -> Self:
        """Keep the samples in the half-open range [first, end)."""
        start, stop = _microseconds([first, end])
        return self._where((self.times >= start) & (self.times < stop))

    def split(self, at: datetime | None) -> tuple[Self, Self]:
        """Tell the samples up to a moment from those after it; None is before all of them."""
        later = self.times > (_microseconds([at]) if at else _BEFORE)
        return self._where(~later), self._where(later)

    def _where(self, kept: npt.NDArray[np.bool_]) -> Self:
        return self if kept.all() else type(self)(self.series[kept], self.times[kept], self.values[:, kept])

    def series_ids(self) -> list[int]:
        """Return the series that have samples, ascending."""
        return list(map(int, np.unique(self.series)))

    def days(self) -> list[date]:
        """Return the UTC days that have samples, ascending."""
        return [moment(day * _DAY).date() for day in np.unique(self.times // _DAY)]

    def hours(self) -> list[datetime]:
        """Return the beginnings of the UTC hours that have samples, ascending."""
        return [moment(hour * _HOUR) for hour in np.unique(self.times // _HOUR)]

    def span(self) -> tuple[datetime, datetime]:
        """Return the first and the last moment."""
        return moment(self.times.min()), moment(self.times.max())

    def written(self) -> bytes:
        """Write the samples for COPY, in binary format."""
        return binary.written([self.series, self.times], self.values)


def _microseconds(moments: Iterable[datetime]) -> npt.NDArray[np.int64]:
    return np.array(list(map(microseconds, moments)), np.int64)
