"""What is usual at which hour: averages and peaks by hour of the day and day of the week, newer hours more.

An hour's weight halves with each `HALF_LIFE_DAYS` of its age; averages are weighted by their samples, too.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from itertools import compress
from typing import Literal, Self

import numpy as np
import numpy.typing as npt

HALF_LIFE_DAYS = 14.0
REACH = timedelta(weeks=8)
"""Older hours count no more: four half-lives, a sixteenth."""

LEAST_HOURS = 24
"""Nothing is said to be usual before a day was seen."""

LEAST_IN_CELL = 2
"""An hour of the week is judged by itself once it was seen so often, and until then as an hour of the day."""

BASELINE_SHARE = 0.25
PEAK_TIMES_BASELINE = 2.0
PEAK_ABOVE_BASELINE = 0.05
HIGH, MEDIUM = (0.60, 0.95), (0.40, 0.80)

_HOURS, _DAYS = 24, 7
_HOUR_S = 3600
_EPOCH_WEEKDAY = 3
"""1970-01-01 was a Thursday; Monday is 0."""

Severity = Literal["high", "medium", "low"]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Hour:
    """One hour's load: demand in connections, utilisation of the pool as it was (0 to 1).

    `surge` is the most that demand rose in a minute above all of the 60 minutes before it, in connections.
    """

    hour: datetime
    samples: int
    average_demand: float
    peak_demand: float
    average_utilization: float
    peak_utilization: float
    surge: float | None = None


@dataclass(frozen=True, slots=True)
class Usual:
    """What is usual at an hour of the day: `samples` are the hours that it was learned from."""

    avg_utilization: float
    peak_utilization: float
    samples: int


@dataclass(frozen=True, slots=True)
class Cell:
    """What is usual at an hour of the week (Monday is 0), demand in connections."""

    weekday: int
    hour: int
    avg_utilization: float
    peak_utilization: float
    avg_demand: float
    peak_demand: float
    samples: int


@dataclass(frozen=True, slots=True)
class PeakPeriod:
    """An hour of the day that carries much more than the baseline."""

    hour: int
    avg_utilization: float
    severity: Severity


@dataclass(frozen=True, slots=True)
class Patterns:
    """What was learned; all of it is null, with the reason, until there is enough to learn from."""

    hourly: dict[int, Usual] | None
    weekly: tuple[Cell, ...] | None
    peak_periods: tuple[PeakPeriod, ...] | None
    baseline_load: float | None
    reason: str


def epoch_hour(moment: datetime) -> int:
    """Return the number of the hour since 1970."""
    return int(moment.timestamp()) // _HOUR_S


class Profile:
    """The usual peak demand of each hour of the week, from the hours before the one that it is asked in."""

    def __init__(self, hours: Ints, peaks: Floats, *, now: int) -> None:
        """Weigh the peaks (connections) of hours counted from 1970, by their age at `now`."""
        known = (hours < now) & (hours >= now - _hours(REACH))
        self._hours, self._peaks = hours[known], peaks[known]
        self._weights = _recency(now - self._hours)

    @classmethod
    def of(cls, hours: Iterable[Hour], *, now: int) -> Self:
        """Take the hours' peaks, as they were known in that hour."""
        known = list(hours)
        numbers = np.array([epoch_hour(each.hour) for each in known], np.int64)
        return cls(numbers, np.array([each.peak_demand for each in known]), now=now)

    def __len__(self) -> int:
        return len(self._hours)

    def usual(self, hour: int) -> float:
        """Return the usual peak of an hour: of its hour of the week, of its hour of the day, or of all."""
        of_week = (self._hours - hour) % (_DAYS * _HOURS) == 0
        of_day = self._of_day[hour % _HOURS]
        if np.count_nonzero(of_week) >= LEAST_IN_CELL:
            chosen = of_week
        elif of_day.any():
            chosen = of_day
        else:
            chosen = np.ones(len(self), bool)
        return float(np.average(self._peaks[chosen], weights=self._weights[chosen]))

    @cached_property
    def _of_day(self) -> npt.NDArray[np.bool_]:
        found: npt.NDArray[np.bool_] = (self._hours % _HOURS) == np.arange(_HOURS)[:, None]
        return found


def learn(hours: Sequence[Hour], now: datetime) -> Patterns:
    """Learn what is usual from the hours before now; there may be gaps between them."""
    known = sorted((each for each in hours if now - REACH <= each.hour < now), key=lambda each: each.hour)
    if len(known) < LEAST_HOURS:
        return Patterns(None, None, None, None, _too_few(len(known)))
    weights = _weights(known, now)
    baseline = _baseline(known, weights)
    hourly = _hourly(known, weights)
    return Patterns(
        hourly=hourly,
        weekly=_weekly(known, weights),
        peak_periods=_peak_periods(hourly, baseline),
        baseline_load=baseline,
        reason=f"Learned from {len(known)} hours since {known[0].hour:%Y-%m-%d %H:%M} UTC, "
        f"whose weights halve every {HALF_LIFE_DAYS:.0f} days.",
    )


def severity(average: float, peak: float) -> Severity:
    """Rate a peak period: high from 60 % on average or a peak of 95 %, medium from 40 % or 80 %."""
    for name, (least_average, least_peak) in (("high", HIGH), ("medium", MEDIUM)):
        if average >= least_average or peak >= least_peak:
            return "high" if name == "high" else "medium"
    return "low"


def _too_few(count: int) -> str:
    return f"{count} of the {LEAST_HOURS} hours that patterns are learned from were observed."


def _hours(span: timedelta) -> int:
    return int(span.total_seconds()) // _HOUR_S


def _recency(ages_h: npt.NDArray[np.integer]) -> Floats:
    found: Floats = np.exp2(-np.asarray(ages_h, np.float64) / (_HOURS * HALF_LIFE_DAYS))
    return found


def _weights(hours: Sequence[Hour], now: datetime) -> Floats:
    """Weigh hours by their age and by how many observations they rest on."""
    ages = np.array([epoch_hour(now) - epoch_hour(each.hour) for each in hours])
    found: Floats = _recency(ages) * np.array([float(each.samples) for each in hours])
    return found


def _baseline(hours: Sequence[Hour], weights: Floats) -> float:
    """Return the utilisation that a quarter of the (weighted) hours stay below."""
    averages = np.array([each.average_utilization for each in hours])
    order = np.argsort(averages)
    reached = np.cumsum(weights[order]) / weights.sum()
    return float(averages[order][np.searchsorted(reached, BASELINE_SHARE)])


def _hourly(hours: Sequence[Hour], weights: Floats) -> dict[int, Usual]:
    of_day = np.array([each.hour.hour for each in hours])
    found = {}
    for hour in np.unique(of_day):
        which = of_day == hour
        mine = list(compress(hours, which))
        found[int(hour)] = Usual(
            avg_utilization=_mean([each.average_utilization for each in mine], weights[which]),
            peak_utilization=max(each.peak_utilization for each in mine),
            samples=len(mine),
        )
    return found


def _weekly(hours: Sequence[Hour], weights: Floats) -> tuple[Cell, ...]:
    of_week = np.array([each.hour.weekday() * _HOURS + each.hour.hour for each in hours])
    return tuple(
        _cell(list(compress(hours, of_week == one)), weights[of_week == one], int(one))
        for one in np.unique(of_week)
    )


def _cell(mine: Sequence[Hour], weights: Floats, of_week: int) -> Cell:
    return Cell(
        weekday=of_week // _HOURS,
        hour=of_week % _HOURS,
        avg_utilization=_mean([each.average_utilization for each in mine], weights),
        peak_utilization=max(each.peak_utilization for each in mine),
        avg_demand=_mean([each.average_demand for each in mine], weights),
        peak_demand=max(each.peak_demand for each in mine),
        samples=len(mine),
    )


def _mean(values: list[float], weights: Floats) -> float:
    return float(np.average(values, weights=weights))


def _peak_periods(hourly: dict[int, Usual], baseline: float) -> tuple[PeakPeriod, ...]:
    """Return the hours of the day at twice the baseline and more, and 5 points above it: idling varies."""
    least = max(PEAK_TIMES_BASELINE * baseline, baseline + PEAK_ABOVE_BASELINE)
    return tuple(
        PeakPeriod(hour, usual.avg_utilization, severity(usual.avg_utilization, usual.peak_utilization))
        for hour, usual in sorted(hourly.items())
        if usual.avg_utilization >= least
    )
