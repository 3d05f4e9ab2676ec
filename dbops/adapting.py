"""Thresholds that move with the load: early where it leaps, late where it is smooth, always within bounds.

A pool that is used to the share `level / (level + surge)` at its usual peak has just the room for its largest
surge. That share is where it has to grow; the other two thresholds keep the distances that the defaults have:
0.8, half a pool below it 0.3, and three quarters of the way to full 0.95.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from dbops.patterns import Hour
from dbops.thresholds import Thresholds

UP = (0.70, 0.90)
DOWN = (0.20, 0.40)
CRITICAL = (0.90, 0.98)
"""The bounds."""

LEAST_MOVE = 0.03
"""Smaller moves are not made, so that the thresholds do not change from hour to hour."""

LEAST_HOURS = 24
LEVEL_SHARE, SURGE_SHARE = 0.95, 0.99
MOST_FLAPS, FLAP_MOVE = 3, 0.05
"""From so many flaps in a day on, the pool shrinks so much later."""

FLAP = timedelta(hours=1)
FLAPS_REACH = timedelta(days=1)
HOURS_REACH = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class Adaptation:
    """What the thresholds should be, and why."""

    thresholds: Thresholds
    reason: str


def adapt(hours: Sequence[Hour], current: Thresholds, *, flapped: int) -> Adaptation | None:
    """Return the thresholds to use from now on; None where the present ones are near enough.

    `hours` are those of the last `HOURS_REACH`, `flapped` the flaps of the last `FLAPS_REACH`.
    """
    known = [each for each in hours if each.surge is not None]
    if len(known) < LEAST_HOURS:
        return None
    found = _fitting(known, flapped)
    return found if _moved(found.thresholds, current) else None


def flaps(changes: Iterable[tuple[datetime, int]]) -> int:
    """Count how often the pool grew within an hour of shrinking; changes are times and differences."""
    count, shrunk_at = 0, None
    for at, difference in changes:
        if difference < 0:
            shrunk_at = at
        elif shrunk_at is not None and at - shrunk_at <= FLAP:
            count, shrunk_at = count + 1, None
    return count


def of_load(level: float, surge: float, *, flapped: int = 0) -> Thresholds:
    """Return the thresholds for a usual peak and a surge, both in connections."""
    up = round(_within(_share(level, surge), UP), 2)
    lower = FLAP_MOVE if flapped >= MOST_FLAPS else 0.0
    return Thresholds(
        scale_up=up,
        scale_down=round(_within(up - 0.5 - lower, DOWN), 2),
        critical=round(_within(1 - (1 - up) / 4, CRITICAL), 2),
    )


def _fitting(hours: Sequence[Hour], flapped: int) -> Adaptation:
    level = float(np.quantile([each.peak_demand for each in hours], LEVEL_SHARE))
    surge = float(np.quantile([each.surge or 0.0 for each in hours], SURGE_SHARE))
    return Adaptation(of_load(level, surge, flapped=flapped), _reason(level, surge, len(hours), flapped))


def _reason(level: float, surge: float, hours: int, flapped: int) -> str:
    flapping = f" It grew soon after shrinking {flapped} times in a day." if flapped >= MOST_FLAPS else ""
    return (
        f"In {hours} hours demand rose by up to {surge:.1f} connections at once, from hourly peaks of up to "
        f"{level:.1f}: a pool used to {_share(level, surge):.0%} then has just room for that.{flapping}"
    )


def _share(level: float, surge: float) -> float:
    return level / (level + surge) if surge > 0 else 1.0


def _moved(found: Thresholds, current: Thresholds) -> bool:
    moves = (found.scale_up - current.scale_up, found.scale_down - current.scale_down)
    return max(map(abs, moves)) >= LEAST_MOVE - 1e-9


def _within(value: float, bounds: tuple[float, float]) -> float:
    return min(bounds[1], max(bounds[0], value))
