"""Levels and what they stand for: pure arithmetic."""

from dataclasses import dataclass
from math import ceil

import numpy as np
import numpy.typing as npt

STEP = 1.5
FIRST_LEVEL = 1
LAST_LEVEL = 10

_FINE_STEP = 1.1


def factor(level: int) -> float:
    """Return how many times the first level's capacity a level has: 1, 1.5, 2.25, …"""
    return STEP ** (level - FIRST_LEVEL)


def percent(level: int) -> float:
    """Return the capacity of a level in percent of the first one's: 100, 150, 225, …"""
    return 100.0 * factor(level)


def desired_at(base: int, level: int) -> int:
    """Return how many instances a level stands for in a group that has `base` at the first one."""
    return ceil(base * factor(level))


@dataclass(frozen=True, slots=True)
class Group:
    """The units (instances) that a group may have: from those of its lowest level to those of its highest."""

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

    def level(self, units: float, direction: int) -> int:
        """Return the level that so many units count as.

        Between two levels that is the lower one where the group is to grow (1), the higher where it is to
        shrink (-1).
        """
        levels = range(FIRST_LEVEL, LAST_LEVEL + 1)
        if direction > 0:
            return max((each for each in levels if desired_at(self.base, each) <= units), default=FIRST_LEVEL)
        return min((each for each in levels if desired_at(self.base, each) >= units), default=LAST_LEVEL)
