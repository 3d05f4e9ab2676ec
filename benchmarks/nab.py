"""The score of the Numenta Anomaly Benchmark, from its rules (Lavin and Ahmad 2015; version 1.1)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

PROBATION_SHARE, PROBATION_ROWS = 0.15, 750
"""The first rows of a file do not count: so large a share of it, and never more than so many."""

_STEEPNESS = 5
_FAR = 3
"""So many widths behind a window a false alarm costs its full weight."""


@dataclass(frozen=True, slots=True)
class Profile:
    """What a found window earns, and a missed one and a false alarm cost."""

    found: float
    missed: float
    false_alarm: float


STANDARD = Profile(found=1.0, missed=1.0, false_alarm=0.11)
FEW_FALSE_ALARMS = Profile(found=1.0, missed=1.0, false_alarm=0.22)
FEW_MISSES = Profile(found=1.0, missed=2.0, false_alarm=0.11)


@dataclass(frozen=True, slots=True)
class Window:
    """Rows from `first` to `last`, both within, that an anomaly should be reported in."""

    first: int
    last: int

    @property
    def width(self) -> int:
        return self.last - self.first + 1


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the alarms of one file come to; `raw` is the profile's sum, which `normalised` takes."""

    windows: int
    found: int
    false_alarms: int
    raw: float


def probation(rows: int) -> int:
    """Return how many rows at the beginning do not count."""
    return min(int(PROBATION_SHARE * rows), PROBATION_ROWS)


def score(alarms: Sequence[int], windows: Sequence[Window], *, rows: int, profile: Profile) -> Outcome:
    """Score the alarms of one file: `alarms` are the row numbers of detections, both are in order.

    Of a window only its best alarm counts, which is its first. Each alarm outside costs, less so soon after
    a window.
    """
    counted = [row for row in alarms if row >= probation(rows)]
    firsts = [first for window in windows if (first := _first_within(counted, window)) is not None]
    outside = [row for row in counted if not any(each.first <= row <= each.last for each in windows)]
    missed = len(windows) - len(firsts)
    raw = (
        profile.found * sum(firsts)
        - profile.missed * missed
        - profile.false_alarm * sum(_cost(row, windows) for row in outside)
    )
    return Outcome(len(windows), len(firsts), len(outside), raw)


def normalised(outcomes: Sequence[Outcome], profile: Profile) -> float | None:
    """Return the score of a set of files: 0 for silence, 100 for perfection; None without any window."""
    windows = sum(each.windows for each in outcomes)
    if not windows:
        return None
    silence, perfection = -profile.missed * windows, profile.found * windows
    return 100 * (sum(each.raw for each in outcomes) - silence) / (perfection - silence)


def _first_within(alarms: Sequence[int], window: Window) -> float | None:
    """Return the credit of the earliest alarm in a window: 1 for its first row, nearly 0 for its last."""
    for row in alarms:
        if window.first <= row <= window.last:
            return _sigmoid(-(window.last - row + 1) / window.width) / _sigmoid(-1)
    return None


def _cost(row: int, windows: Sequence[Window]) -> float:
    """Return what share of its weight a false alarm costs: nearly nothing just behind a window."""
    passed = list(takewhile(lambda each: each.last < row, windows))
    if not passed:
        return 1.0
    widths = (row - passed[-1].last) / max(1, passed[-1].width - 1)
    return 1.0 if widths > _FAR else -_sigmoid(widths)


def _sigmoid(position: float) -> float:
    return 2 / (1 + math.exp(_STEEPNESS * position)) - 1
