"""The predictive policy: how many units a group should have, from what the next minutes may ask for. Pure.

It weighs minutes above the limit against units: `worth` unit-minutes for each minute that is expected to be
above it. The prediction raises capacity ahead of need. What the reactive rules ask for bounds it from below:
the size that carries the highest demand of the last minutes, a level more while the load is sustained, no
less than there is while anything asks for more, and no change at all without fresh data.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Self

import numpy as np
import numpy.typing as npt

from scaling import capacity, guard
from scaling.capacity import Group, Scale
from scaling.forecast import REACH_MINUTES
from scaling.patience import Ints, Weighed
from scaling.rules import Rule, Verdicts

LIMIT = 0.8
"""The busy share that is not to be exceeded."""

WORTH = 95.0
"""Unit-minutes that a minute less above the limit may cost."""

WORTH_OF_USUAL = 12.0
"""That for a group whose worth nobody chose: so many times the units that its load usually needs."""

UNFORESEEN = 0.6
"""The busy share that is kept while nothing can be foreseen: there is room for what nobody knows yet."""

RECENT_MINUTES = 5
"""Of so many minutes the highest demand is carried in any case."""

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
_SLACK = 1e-9
_UNITS = Group(1)


@dataclass(frozen=True, slots=True)
class Floor:
    """What the reactive rules ask for, a row each: no fewer `units`, and no change where `is_held`."""

    units: Floats
    is_held: Flags

    def row(self, i: int) -> Self:
        """Return what is asked for one group alone."""
        return type(self)(self.units[i : i + 1], self.is_held[i : i + 1])


@dataclass(frozen=True, slots=True)
class Wishes:
    """The units that are wished for, a row for each of those that there are, and what led to it.

    `over_present` and `over_wanted` are the probabilities that a minute is above the limit with either; NaN
    where nothing could be foreseen yet. `is_asked` says where the reactive rules ask for what is wished.
    """

    present: Floats
    wanted: Floats
    over_present: Floats
    over_wanted: Floats
    is_asked: Flags
    is_held: Flags

    @property
    def direction(self) -> npt.NDArray[np.int8]:
        """1 for more, -1 for less, 0 for neither."""
        return np.sign(self.wanted - self.present).astype(np.int8)

    def reason(self, i: int, group: Scale = _UNITS) -> str:
        """Return why, in one sentence with its numbers, as the group calls them."""
        present, wanted = group.number(self.present[i]), group.number(self.wanted[i])
        if self.is_held[i]:
            return f"Held at {present} {group.noun}: stale or insufficient data"
        if self.is_asked[i]:
            return f"Needed: {wanted} {group.noun} instead of {present} for the load of the last minutes"
        if np.isnan(self.over_present[i]):
            stays = f"it stays at {present}" if wanted == present else f"{wanted} instead of {present}"
            return f"Nothing foreseen yet: {stays} {group.noun}"
        now, then = (f"{100 * share[i]:.1f}%" for share in (self.over_present, self.over_wanted))
        foreseen = f"Foreseen: {now} of the next minutes above the limit with {present} {group.noun}"
        return f"{foreseen}, as it is" if wanted == present else f"{foreseen}, {then} with {wanted}"


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of a wish: the units from now on, and the guard's ruling.

    With a recommendation the units stay; `wanted` is what would have been done.
    """

    units: float
    wanted: float
    ruling: guard.Ruling
    reason: str


def floor(
    verdicts: Verdicts,
    present: Floats,
    highest: Floats,
    *,
    limit: float = LIMIT,
    serving: Floats | None = None,
) -> Floor:
    """Say what the rules ask for at least, from the highest demand (units) of the last `RECENT_MINUTES`.

    While the load is sustained that is a level more than what serves (all that is present, if not told).
    Demand that is unknown, NaN, asks for nothing.
    """
    units = np.nan_to_num(highest) / limit
    units = np.where(verdicts.direction > 0, np.maximum(units, present), units)
    more = np.ceil((present if serving is None else serving) * capacity.STEP)
    units = np.where(verdicts.rule == Rule.SUSTAINED_UP, np.maximum(units, more), units)
    return Floor(units, np.isin(verdicts.rule, (Rule.STALE, Rule.INSUFFICIENT)))


def with_room(asked: Floor, highest: Floats, is_foreseen: Flags) -> Floor:
    """Ask for room beyond the highest demand of the last minutes where nothing is foreseen yet."""
    room = np.where(is_foreseen, 0.0, np.nan_to_num(highest) / UNFORESEEN)
    return replace(asked, units=np.maximum(asked.units, room))


def weigh(present: Floats, sizes: Floats, over: Floats, asked: Floor, worth: Floats) -> Weighed:
    """Weigh the sizes, ascending, a row each; `over` is rows x sizes, NaN where none is foreseen.

    The best one has the least sum of minutes above the limit and of what the units are worth.
    """
    rows, last = np.arange(len(present)), len(sizes) - 1
    here = np.minimum(np.searchsorted(sizes, present - _SLACK), last)
    least = np.minimum(np.searchsorted(sizes, asked.units - _SLACK), last)
    is_foreseen = ~np.isnan(over[:, 0])
    loss = np.where(is_foreseen[:, None], over, 0.0) + sizes / worth[:, None]
    best = np.maximum(np.where(is_foreseen, loss.argmin(axis=1), here), least)
    gain = (loss[rows, here] - loss[rows, best]) * REACH_MINUTES
    return Weighed(sizes, here, best, least, gain, worth, is_foreseen)


def wishes(present: Floats, over: Floats, asked: Floor, found: Weighed, places: Ints) -> Wishes:
    """Wish for the sizes at these places, which `scaling.patience` chose, or for what the rules ask for."""
    rows, sizes = np.arange(len(present)), found.sizes
    # What somebody else chose may lie between two sizes, and below what is asked for.
    is_short = (places == found.here) & (present < asked.units - _SLACK)
    is_asked = (found.least > places) | is_short
    places = np.where(is_asked, found.least, places)
    stays = (places == found.here) & ~is_short & (present <= sizes[-1]) & (present >= sizes[0])
    wanted = np.where(stays | asked.is_held, present, sizes[places])
    return Wishes(
        present=present,
        wanted=wanted,
        over_present=over[rows, found.here],
        over_wanted=over[rows, places],
        is_asked=is_asked & (wanted > present),
        is_held=asked.is_held,
    )


def decide(
    found: Wishes, i: int, group: Scale, *, state: guard.State, policy: guard.Limits, now: datetime
) -> Decision:
    """Let the guard rule on one wish, as on a step of the level that the group counts as.

    With mode recommend this is the forecast alone: all is recorded, and nothing done. `state.level` is not
    looked at.
    """
    direction, present, wanted = int(found.direction[i]), float(found.present[i]), float(found.wanted[i])
    counted = replace(state, level=group.level(present, direction)) if direction else state
    ruling = guard.check(direction, counted, policy, now)
    is_done = ruling.outcome in (guard.APPLIED, guard.PENDING)
    return Decision(wanted if is_done else present, wanted, ruling, found.reason(i, group))


def wanting(found: Wishes) -> Iterator[int]:
    """Yield the rows that wish for a change."""
    yield from np.flatnonzero(found.direction).tolist()
