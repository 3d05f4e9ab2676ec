"""What a policy would have done with a group's stored load, and at what cost: pure, on recorded history.

The load is played to `scaling.fleet` by its rules, but that demand is as it was measured: the share that was
busy of the units that there were. Where all of it was busy, demand may have been more, which nobody knows.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

import numpy as np
import numpy.typing as npt

from scaling import fleet
from scaling.fleet import Loads, Outcome, Steering
from scaling.forecast import LEAST_MINUTES
from scaling.steering import Change

_MINUTE_S = 60
_COLUMNS = ("times_s", "cpu", "units")

Floats = npt.NDArray[np.float64]


class ChangingSteering(Steering, Protocol):
    """A way of steering that remembers what it changed."""

    @property
    def changes(self) -> list[Change]: ...


@dataclass(frozen=True, slots=True)
class History:
    """A group's samples in order: times (seconds since 1970), CPU (percent), and the units that there were.

    Each sample stands for the `period_s` from its time on.
    """

    times_s: npt.NDArray[np.int64]
    cpu: Floats
    units: Floats
    period_s: int


@dataclass(frozen=True, slots=True)
class Answer:
    """What would have happened since a moment; all is None where too little is known, with the `reason`.

    `coverage` is the share of the minutes that is known; `cost_usd` is for these, and so is what `was`: the
    cost of the units that there were.
    """

    coverage: float
    outcome: Outcome | None
    cost_usd: float | None
    was_usd: float | None
    changes: tuple[Change, ...]
    reason: str


def loads(history: History) -> tuple[Loads, Floats]:
    """Return demand by the minute, and the units that there were; of two samples the later counts."""
    first = int(history.times_s[0]) // _MINUTE_S
    length = max(1, history.period_s // _MINUTE_S)
    places = history.times_s // _MINUTE_S - first
    demand = np.full(int(places[-1]) + length, np.nan)
    units = demand.copy()
    for offset in range(length - 1, -1, -1):
        demand[places + offset] = history.cpu / 100 * history.units
        units[places + offset] = history.units
    return Loads(first, demand[:, None]), units


def look_back(
    history: History, steering: ChangingSteering, *, since: datetime, until: datetime, unit_hour_usd: float
) -> Answer:
    """Play one group's history to a policy: what is before `since` is learned from, and not counted."""
    kept = history.times_s < until.timestamp()
    if not kept.any():
        return _refused("there are no samples")
    played, units = loads(replace(history, **{name: getattr(history, name)[kept] for name in _COLUMNS}))
    begins = max(0, int(since.timestamp()) // _MINUTE_S - played.start)
    asked = (until - since) // timedelta(minutes=1)
    is_known = ~np.isnan(played.demand[:, 0])
    counted = int(is_known[begins:].sum())
    if counted < LEAST_MINUTES:
        return _refused(f"{counted} of the {LEAST_MINUTES} minutes that are needed are known")
    start = units[is_known][:1]
    outcome = fleet.run(played, steering, start=start, count_from=begins)[0]
    was_hours = float(units[begins:][is_known[begins:]].sum()) / 60
    return Answer(
        coverage=counted / asked,
        outcome=outcome,
        cost_usd=outcome.instance_hours * unit_hour_usd,
        was_usd=was_hours * unit_hour_usd,
        changes=tuple(each for each in steering.changes if each.at > since),
        reason=f"From {counted} of {asked} minutes.",
    )


def _refused(why: str) -> Answer:
    return Answer(0.0, None, None, None, (), f"Nothing can be told: {why}.")
