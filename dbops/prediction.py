"""The next hour's peak demand: the last hour's, moved as the profile moves, in a range of own past errors."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from dbops.patterns import LEAST_HOURS, Profile

NOMINAL = 0.90
"""The range shall hold the actual peak in so many of the hours; whether it does is measured."""

LEAST_SETTLED = 24
"""Before so many predictions could be compared with what came, nothing is said about how good they are."""

SETTLED_HOURS = 28 * 24
"""Older predictions do not count."""

FIRST_RANGE = (0.5, 2.0)
"""Times the expected peak, until own errors are known."""

TREND = 0.5
"""How much of the profile's move is believed: half of it, since loads do not repeat exactly."""

MOST_MOVE = 3.0
_ONE = 1.0
"""Added before ratios are taken, so that an idle hour's few connections are no hundredfold error."""

_HOUR_MINUTES = 60


@dataclass(frozen=True, slots=True)
class Settled:
    """A prediction whose hour is over (connections)."""

    demand: float
    low: float
    high: float
    actual: float

    @property
    def held(self) -> bool:
        return self.low <= self.actual <= self.high

    @property
    def ratio(self) -> float:
        return (self.actual + _ONE) / (self.demand + _ONE)


@dataclass(frozen=True, slots=True)
class Confidence:
    """The share of settled predictions whose range held the peak; null, with the reason, until known."""

    share: float | None
    settled: int
    reason: str


@dataclass(frozen=True, slots=True)
class Expected:
    """The expected peak of an hour and its range, in connections, and what they were made from."""

    demand: float
    low: float
    high: float
    basis: str


@dataclass(frozen=True, slots=True)
class Forecast:
    """The next hour: null, with the reason, until there is something to predict from.

    `utilization` is the expected share of the pool as it is (0 to 1, more where it is too small).
    """

    hour: datetime
    expected: Expected | None
    utilization: float | None
    recommended_size: int | None
    confidence: Confidence
    reason: str


def expect(profile: Profile, level: float, *, hour: int, minute: int, settled: Sequence[Settled]) -> Expected:
    """Expect the peak of an hour (counted from 1970) at a minute of the one before.

    `level` is the highest demand of the last 60 minutes, `settled` are earlier predictions. The profile needs
    `LEAST_HOURS`.
    """
    before = _before(profile, hour, minute)
    move = _clip((profile.usual(hour) + _ONE) / (before + _ONE), 1 / MOST_MOVE, MOST_MOVE) ** TREND
    demand = max(0.0, (level + _ONE) * move - _ONE)
    low, high = ratios(settled)
    return Expected(
        demand=demand,
        low=max(0.0, (demand + _ONE) * low - _ONE),
        high=(demand + _ONE) * high - _ONE,
        basis=_basis(level, move, len(profile), len(settled)),
    )


def too_early(profile: Profile) -> str:
    """Say why nothing can be predicted; empty where it can."""
    if len(profile) >= LEAST_HOURS:
        return ""
    return f"{len(profile)} of the {LEAST_HOURS} hours that a prediction is made from were observed."


def ratios(settled: Sequence[Settled]) -> tuple[float, float]:
    """Return between which multiples of the expectation 90 % of the earlier ones came out.

    Source: split conformal prediction, Lei et al. 2018, with a half of what is left on each side.
    """
    if len(settled) < LEAST_SETTLED:
        return FIRST_RANGE
    ordered = np.sort([each.ratio for each in settled])
    rank = min(len(ordered), math.ceil((len(ordered) + 1) * (1 + NOMINAL) / 2))
    return float(ordered[-rank]), float(ordered[rank - 1])


def confidence(settled: Sequence[Settled]) -> Confidence:
    """Measure how often the range held."""
    count = len(settled)
    if count < LEAST_SETTLED:
        return Confidence(
            None, count, f"{count} of the {LEAST_SETTLED} predictions that it is measured on are over."
        )
    held = sum(each.held for each in settled)
    return Confidence(held / count, count, f"The peak was within the range in {held} of {count} hours.")


def _before(profile: Profile, hour: int, minute: int) -> float:
    """Return what is usual for the 60 minutes until that minute, which are of two hours."""
    share = minute / _HOUR_MINUTES
    return share * profile.usual(hour - 1) + (1 - share) * profile.usual(hour - 2)


def _clip(value: float, low: float, high: float) -> float:
    return min(high, max(low, value))


def _basis(level: float, move: float, hours: int, settled: int) -> str:
    errors = f"{settled} earlier predictions" if settled >= LEAST_SETTLED else "no measured errors yet"
    return (
        f"A peak of {level:.1f} connections in the last hour, times {move:.2f} from the profile of {hours} "
        f"hours, in a range from {errors}."
    )
