"""What a policy would have done with a group's stored load, and at what cost: pure, on recorded history.

The load is played to `scaling.fleet` by its rules, but that demand is as it was measured: the share that was
busy of the units that there were. Where all of it was busy, demand may have been more, which nobody knows.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt

from scaling import fleet
from scaling.fleet import Loads, Minute, Outcome
from scaling.forecast import LEAST_MINUTES
from scaling.playing import Course, Player
from scaling.predictive import LIMIT
from scaling.steering import Change

_MINUTE_S = 60
_COLUMNS = ("times_s", "cpu", "units")

Floats = npt.NDArray[np.float64]


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

    `coverage` is the share of the minutes that is known; the outcome is for these, and so is `was`: that of
    the units that there were, whose changes are not known to be anybody's.
    """

    coverage: float
    outcome: Outcome | None
    was: Outcome | None
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


def look_back(history: History, player: Player, *, since: datetime, until: datetime) -> Answer:
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
    course = player.play(played, float(units[is_known][0]))
    return Answer(
        coverage=counted / asked,
        outcome=_outcome(played, course, begins),
        was=_outcome(played, _as_it_was(units), begins),
        changes=tuple(each for each in course.changes if each.at > since),
        reason=f"From {counted} of {asked} minutes.",
    )


def usual(history: History) -> float:
    """Return the units that the load needs on average, within the limit; NaN where none is known."""
    demand = history.cpu / 100 * history.units
    known = demand[~np.isnan(demand)]
    return float(known.mean()) / LIMIT if len(known) else np.nan


def _as_it_was(units: Floats) -> Course:
    there = np.nan_to_num(units)
    return Course(there, there, np.append(there[1:], there[-1:]), ())


def _outcome(played: Loads, course: Course, begins: int) -> Outcome:
    demand = played.demand[:, 0]
    now = Minute(played.start, demand, course.serving, course.units - course.serving)
    tally = (~np.isnan(demand) * fleet.counted(now, course.wanted))[:, begins:].sum(axis=1)
    minutes, above, unit_minutes, over, events = tally.tolist()
    return Outcome(int(minutes), int(above), unit_minutes / 60, over / 60, int(events))


def _refused(why: str) -> Answer:
    return Answer(0.0, None, None, (), f"Nothing can be told: {why}.")
