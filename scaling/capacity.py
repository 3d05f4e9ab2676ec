"""Levels and what they stand for: pure arithmetic."""

from dataclasses import dataclass
from math import ceil
from typing import ClassVar, Protocol

import numpy as np
import numpy.typing as npt

STEP = 1.5
FIRST_LEVEL = 1
LAST_LEVEL = 10

_FINE_STEP = 1.1
_SLACK = 1e-9


def factor(level: int) -> float:
    """Return how many times the first level's capacity a level has: 1, 1.5, 2.25, …"""
    return STEP ** (level - FIRST_LEVEL)


def percent(level: int) -> float:
    """Return the capacity of a level in percent of the first one's: 100, 150, 225, …"""
    return 100.0 * factor(level)


def desired_at(base: int, level: int) -> int:
    """Return how many instances a level stands for in a group that has `base` at the first one."""
    return ceil(base * factor(level))


class Scale(Protocol):
    """What there can be of something that is scaled, in units: the more, the more it carries.

    `unit` is how many of them one instance of the first level is, and `noun` how what `number` writes is
    called.
    """

    @property
    def noun(self) -> str: ...
    @property
    def unit(self) -> int: ...
    def sizes(self) -> npt.NDArray[np.float64]: ...
    def units(self, level: int) -> float: ...
    def fit(self, units: float) -> float: ...
    def level(self, units: float, direction: int) -> int: ...
    def number(self, units: float) -> str: ...
    def between(self, least: int, most: int) -> "Scale": ...


@dataclass(frozen=True, slots=True)
class Group:
    """The units (instances) that a group may have: from those of its lowest level to those of its highest."""

    noun: ClassVar[str] = "units"
    unit: ClassVar[int] = 1
    base: int
    min_level: int = FIRST_LEVEL
    max_level: int = LAST_LEVEL

    def sizes(self) -> npt.NDArray[np.float64]:
        """Return the sizes to choose from, ascending: a unit apart, or a tenth where that is more."""
        size, last = desired_at(self.base, self.min_level), desired_at(self.base, self.max_level)
        sizes = [size]
        while size < last:
            size = min(last, max(size + 1, int(size * _FINE_STEP)))
            sizes.append(size)
        return np.array(sizes, np.float64)

    def units(self, level: int) -> float:
        """Return the units that a level stands for."""
        return float(desired_at(self.base, level))

    def fit(self, units: float) -> float:
        """Return how many there can be that are enough for so many units, the most at most."""
        least, most = self.units(self.min_level), self.units(self.max_level)
        return float(min(max(ceil(units - _SLACK), least), most))

    def level(self, units: float, direction: int) -> int:
        """Return the level that so many units count as.

        Between two levels that is the lower one where the group is to grow (1), the higher where it is to
        shrink (-1).
        """
        levels = range(FIRST_LEVEL, LAST_LEVEL + 1)
        if direction > 0:
            return max((each for each in levels if desired_at(self.base, each) <= units), default=FIRST_LEVEL)
        return min((each for each in levels if desired_at(self.base, each) >= units), default=LAST_LEVEL)

    def number(self, units: float) -> str:
        """Write how many units there are."""
        return f"{units:g}"

    def between(self, least: int, most: int) -> "Group":
        """Return the same group within other levels."""
        return Group(self.base, least, most)


@dataclass(frozen=True, slots=True)
class Levels:
    """What has its levels alone: its sizes are those, in units of which the first level has `unit`.

    So many that all levels are whole numbers of them, each exactly `STEP` times the one before.
    """

    noun: ClassVar[str] = "capacity"
    unit: ClassVar[int] = 2 ** (LAST_LEVEL - FIRST_LEVEL)
    min_level: int = FIRST_LEVEL
    max_level: int = LAST_LEVEL

    def sizes(self) -> npt.NDArray[np.float64]:
        """Return the units of each level that is allowed, ascending."""
        return np.array([self.units(each) for each in range(self.min_level, self.max_level + 1)])

    def units(self, level: int) -> float:
        """Return the units that a level stands for."""
        return self.unit * factor(level)

    def fit(self, units: float) -> float:
        """Return the units of the least level that has so many, or of the highest one."""
        sizes = self.sizes()
        return float(sizes[min(int(np.searchsorted(sizes, units - _SLACK)), len(sizes) - 1)])

    def level(self, units: float, direction: int) -> int:
        """Return the level that so many units count as: as in a group, where they are none's."""
        levels = range(FIRST_LEVEL, LAST_LEVEL + 1)
        if direction > 0:
            return max((each for each in levels if self.units(each) <= units), default=FIRST_LEVEL)
        return min((each for each in levels if self.units(each) >= units), default=LAST_LEVEL)

    def number(self, units: float) -> str:
        """Write the capacity in percent of the first level's."""
        return f"{100 * units / self.unit:.4g}%"

    def between(self, least: int, most: int) -> "Levels":
        """Return others of the levels."""
        return Levels(least, most)
