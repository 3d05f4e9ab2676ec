"""Figures that are known within bounds."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self, TypeGuard

from core.errors import InvalidInputError


@dataclass(frozen=True, slots=True)
class Range:
    """Somewhere from `low` to `high`, both included.

    Sums and products are those of the bounds: as if all that is unknown were off in the same direction.

    Raises: InvalidInputError where the bounds are not finite, or the wrong way round.
    """

    low: float
    high: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low <= self.high):
            raise InvalidInputError(f"{self.low} to {self.high} is no range.")

    @classmethod
    def exactly(cls, value: float) -> Self:
        return cls(value, value)

    @classmethod
    def around(cls, ranges: Iterable[Self]) -> Self:
        """Return the narrowest range that holds all of these, of which there is one at least."""
        held = list(ranges)
        return cls(min(each.low for each in held), max(each.high for each in held))

    @property
    def middle(self) -> float:
        return (self.low + self.high) / 2

    def __add__(self, other: "Range") -> "Range":
        return Range(self.low + other.low, self.high + other.high)

    def __sub__(self, other: "Range") -> "Range":
        return Range(self.low - other.high, self.high - other.low)

    def __mul__(self, other: "Range | float") -> "Range":
        low, high = (other.low, other.high) if isinstance(other, Range) else (other, other)
        products = (self.low * low, self.low * high, self.high * low, self.high * high)
        return Range(min(products), max(products))


def is_amount(value: float | None) -> TypeGuard[float]:
    """Tell whether something was measured that can be an amount: finite, and not negative."""
    return value is not None and math.isfinite(value) and value >= 0
