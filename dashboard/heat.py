"""A week by the hour: 168 cells, shaded by what is usual in each and readable without the shade."""

import calendar
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from dashboard import written

HOURS = range(24)
LEVELS = 8
LEAST_SPREAD = 0.05
"""Cells that differ by less are hardly told apart: idling varies, too."""


class Usual(Protocol):
    """What is usual at an hour of the week, Monday being 0; shares of one."""

    @property
    def weekday(self) -> int: ...
    @property
    def hour(self) -> int: ...
    @property
    def avg_utilization(self) -> float: ...
    @property
    def peak_utilization(self) -> float: ...
    @property
    def samples(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Cell:
    """An hour of the week; `level` is its shade, from 0 to LEVELS - 1, and None where nothing is known."""

    percent: int | None
    level: int | None
    told: str


@dataclass(frozen=True, slots=True)
class Day:
    """The cells of a weekday, from midnight on."""

    name: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Week:
    """All days, and between which shares the shades lie."""

    days: tuple[Day, ...]
    low: float
    high: float
    unknown: int
    """How many cells nothing is known of."""

    @property
    def hours(self) -> range:
        """The hours of each day."""
        return HOURS

    @property
    def levels(self) -> range:
        """The shades, the faintest first."""
        return range(LEVELS)


def week(usual: Iterable[Usual]) -> Week:
    """Arrange what is known; hours that were never observed are cells without a figure."""
    known = {(each.weekday, each.hour): each for each in usual}
    shares = [each.avg_utilization for each in known.values()]
    low, high = min(shares, default=0.0), max(shares, default=0.0)
    days = tuple(
        Day(name, tuple(_cell(name, hour, known.get((number, hour)), low, high) for hour in HOURS))
        for number, name in enumerate(calendar.day_name)
    )
    return Week(days, low, high, unknown=7 * len(HOURS) - len(known))


def _cell(day: str, hour: int, found: Usual | None, low: float, high: float) -> Cell:
    at = f"{day} {hour:02}:00"
    if found is None:
        return Cell(None, None, f"{at}: not observed yet")
    spread = max(high - low, LEAST_SPREAD)
    level = min(LEVELS - 1, int((found.avg_utilization - low) / spread * LEVELS))
    average, peak = (written.share(each) for each in (found.avg_utilization, found.peak_utilization))
    hours = "hour" if found.samples == 1 else "hours"
    told = f"{at}: {average} on average, {peak} at most, of {found.samples} {hours}"
    return Cell(round(found.avg_utilization * 100), level, told)
