"""What an instance used, day by day, from samples with gaps."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from analytics.savings.reasons import Reason

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

SHARE = 0.99
LEAST_DAYS = 7
"""Fewer days with samples leave out a weekday, and nothing is recommended from them."""

LEAST_OF_A_DAY = 0.5
"""A day with a smaller share of its samples is not known."""

_DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class Load:
    """How much of one resource was used: the 99th percentile of all samples, and of each day with its mean.

    Days of which too few samples are known are NaN. Percent, or megabits a second.
    """

    p99: float
    daily_p99: Floats
    daily_mean: Floats

    @property
    def days(self) -> int:
        """Return how many days are known."""
        return int(np.count_nonzero(~np.isnan(self.daily_p99)))

    @property
    def worst(self) -> float:
        """Return the busiest known day's 99th percentile."""
        return float(np.nanmax(self.daily_p99))

    def held(self, limit: float) -> int:
        """Return on how many known days the 99th percentile was at most the limit."""
        return int(np.count_nonzero(self.daily_p99 <= limit))


@dataclass(frozen=True, slots=True)
class Usage:
    """What an instance used over a window of days; None was not measured.

    CPU and memory in percent of what the instance has, network (both directions together) and EBS in megabits
    a second. `coverage` is the share of the window's CPU samples that there were; `notes` say how the figures
    were come by where that is not the usual way.
    """

    coverage: float
    cpu: Load
    memory: Load | None = None
    network: Load | None = None
    ebs: Load | None = None
    notes: tuple[str, ...] = ()


def enough(load: Load | None) -> Load | None:
    """Return a load that is known on enough days; one that is not is as good as not measured."""
    return load if load is not None and load.days >= LEAST_DAYS else None


def too_short(usage: Usage | None) -> str:
    """Say why nothing can be concluded from the CPU's samples; empty where something can."""
    days = usage.cpu.days if usage else 0
    if days >= LEAST_DAYS:
        return ""
    return Reason(
        f"CPU is known of {days} days, and {LEAST_DAYS} are needed.",
        f"CPU is known of fewer than {LEAST_DAYS} days.",
    )


def measured(
    times_s: Ints | Floats,
    cpu: Floats,
    *,
    memory: Floats | None = None,
    network: Floats | None = None,
    ebs: Floats | None = None,
    start_s: float,
    days: int,
    period_s: int,
) -> Usage | None:
    """Sum up the samples of the days from `start_s` on, in any order; None where the CPU is known of no day.

    What is not finite, or negative, is unknown. Of two samples of the same period the higher one counts.
    `period_s` divides a day.
    """
    slots = np.floor((np.asarray(times_s) - start_s) / period_s).astype(np.int64)
    shape = (days, _DAY_S // period_s)
    grid = _grid(slots, cpu, shape)
    load = _load(grid)
    if load is None:
        return None
    others = [
        None if column is None else _load(_grid(slots, column, shape)) for column in (memory, network, ebs)
    ]
    return Usage(float(np.mean(~np.isnan(grid))), load, others[0], others[1], others[2])


def percentile(values: Floats) -> float:
    """Return the known values' 99th percentile by nearest rank, as stored histograms do; NaN of none."""
    known = values[~np.isnan(values)]
    return float(np.quantile(known, SHARE, method="inverted_cdf")) if len(known) else np.nan


def _grid(slots: Ints, column: Floats, shape: tuple[int, int]) -> Floats:
    """Put the values in a row a day, NaN where there is none."""
    grid = np.full(shape[0] * shape[1], np.nan)
    is_known = (slots >= 0) & (slots < len(grid)) & np.isfinite(column) & (column >= 0)
    np.fmax.at(grid, slots[is_known], column[is_known])
    return grid.reshape(shape)


def _load(grid: Floats) -> Load | None:
    """Return the load of a grid; None where no day is known."""
    is_day = np.mean(~np.isnan(grid), axis=1) >= LEAST_OF_A_DAY
    if not is_day.any():
        return None
    p99, mean = np.full(len(grid), np.nan), np.full(len(grid), np.nan)
    p99[is_day] = [percentile(day) for day in grid[is_day]]
    mean[is_day] = np.nanmean(grid[is_day], axis=1)
    return Load(percentile(grid), p99, mean)
