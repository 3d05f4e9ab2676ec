"""How large the pool has to be before it is too small: room for a surge above the highest recent demand.

The step-wise rules of `dbops.sizing` see one minute: they grow when the pool is nearly used up, a step in
each cooldown, and shrink as slowly. Here the pool is given at once what it needs, whatever the cooldown, and
where those rules shrink it, it gives back at once what hours have not needed. What is critical goes first.
"""

import math
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from dbops import sizing
from dbops.prediction import Expected
from dbops.readings import PoolReading
from dbops.sizing import Decision, Evaluation, Limits
from dbops.thresholds import Thresholds

GROW_BY = timedelta(hours=1)
"""The pool is to have room for a surge above all that was asked for in this time."""

SHRINK_BY = timedelta(hours=2)
"""It is made smaller only to what had been enough, surges included, for this long."""

SURGES_REACH = timedelta(days=14)
SURGE_TIMES = 4.0
"""The largest surge seen is not the largest that there will be."""

LEAST_ROOM, MOST_ROOM = 0.10, 0.25
"""Of the maximum size."""

LEAST_KNOWN = 24
"""Until the surges of so many hours are known, the most is kept where the pool could shrink."""

MORE_STEPS = 1
"""It grows by so much more than is needed just now, so that it need not grow again soon."""

LEAST_SHRINK_STEPS = 3
"""It does not shrink by less."""

LEAST_SEEN = 60
"""Nor where fewer minutes of `SHRINK_BY` were observed: a load that was not seen may have been there."""


@dataclass(frozen=True, slots=True)
class Room:
    """Connections that a surge may need: the pool grows to have the one, and shrinks to keep the other."""

    to_have: float
    to_keep: float


@dataclass(frozen=True, slots=True)
class Guide:
    """What demand has been and may become, in connections.

    `recent` is the highest of the last `GROW_BY`, `lasting` of the last `SHRINK_BY`, of which `seen` minutes
    were observed. `predicted_size` is the larger of what is recommended for the present hour
    and for the next; 0 where that is not known.
    """

    recent: float
    lasting: float
    room: Room
    seen: int
    predicted_size: int = 0


def room(largest: float, surging: float, *, hours: int, maximum: int) -> Room | None:
    """Return the room for surges, from the largest one of so many hours and that of the present hour.

    None before the first hour is over.
    """
    if not hours:
        return None
    most = MOST_ROOM * maximum
    measured = min(most, max(LEAST_ROOM * maximum, SURGE_TIMES * max(largest, surging)))
    return Room(to_have=measured, to_keep=measured if hours >= LEAST_KNOWN else most)


def size_for(demand: float, thresholds: Thresholds, limits: Limits) -> int:
    """Return the size, in whole steps, at which that demand does not make the pool grow."""
    return _stepped(demand / thresholds.scale_up, limits)


def size_for_expected(expected: Expected, thresholds: Thresholds, limits: Limits) -> int:
    """Return the size that holds the high end of what is expected, and does not grow at the expected peak."""
    return max(_stepped(expected.high, limits), size_for(expected.demand, thresholds, limits))


def needed(guide: Guide, thresholds: Thresholds, limits: Limits) -> int:
    """Return the size that the pool has to have now."""
    return _with(guide.recent, guide.room.to_have, guide, thresholds, limits)


def enough(guide: Guide, thresholds: Thresholds, limits: Limits) -> int:
    """Return the size that would have been enough for hours, and is for what is predicted."""
    return _with(max(guide.recent, guide.lasting), guide.room.to_keep, guide, thresholds, limits)


def judge(
    reading: PoolReading,
    thresholds: Thresholds,
    limits: Limits,
    guide: Guide | None,
    *,
    changed_at: datetime | None,
    now: datetime,
) -> Evaluation:
    """Decide as `sizing.judge` does, but grow to what is needed and shrink to what is enough, in one move.

    Without a guide, before the first hour is over, the rules are all there is.
    """
    if guide is None:
        return sizing.judge(reading, thresholds, limits, changed_at=changed_at, now=now)
    kept = max(limits.reserved, enough(guide, thresholds, limits))
    guarded = replace(limits, reserved=kept, why_reserved=_why_enough(guide, kept))
    found = sizing.judge(reading, thresholds, guarded, changed_at=changed_at, now=now)
    if found.decision == Decision.EMERGENCY_SCALE_UP:
        return found
    size = needed(guide, thresholds, limits)
    if size > max(reading.size, found.recommended_pool_size):
        return _grown(found, guide, size, limits)
    if found.decision == Decision.SCALE_DOWN:
        return _shrunk(found, guide, kept, limits)
    return found


def _with(demand: float, spare: float, guide: Guide, thresholds: Thresholds, limits: Limits) -> int:
    predicted = min(limits.maximum, guide.predicted_size)
    return max(_stepped(demand + spare, limits), size_for(demand, thresholds, limits), predicted)


def _grown(found: Evaluation, guide: Guide, size: int, limits: Limits) -> Evaluation:
    larger = min(limits.maximum, size + MORE_STEPS * limits.step)
    reason = f"{_why_needed(guide, size)}."
    return replace(found, decision=Decision.SCALE_UP, reason=reason, recommended_pool_size=larger)


def _shrunk(found: Evaluation, guide: Guide, size: int, limits: Limits) -> Evaluation:
    fewer = found.current_pool_size - size
    if guide.seen < LEAST_SEEN:
        return _kept(found, f"Only {guide.seen} of the last {_minutes(SHRINK_BY)} minutes were observed")
    if fewer < LEAST_SHRINK_STEPS * limits.step:
        return _kept(found, f"{_why_enough(guide, size)}; giving {fewer} back is not worth a change")
    return replace(found, reason=f"{_why_enough(guide, size)}.", recommended_pool_size=size)


def _kept(found: Evaluation, why: str) -> Evaluation:
    size = found.current_pool_size
    return replace(found, decision=Decision.MAINTAIN, reason=f"{why}.", recommended_pool_size=size)


def _why_needed(guide: Guide, size: int) -> str:
    return f"{_asked(guide.recent, GROW_BY)}, {_to_come(guide.room.to_have, guide)}: {size} are needed"


def _why_enough(guide: Guide, size: int) -> str:
    return f"{_asked(guide.lasting, SHRINK_BY)}, {_to_come(guide.room.to_keep, guide)}: {size} are kept"


def _asked(demand: float, span: timedelta) -> str:
    return f"Up to {demand:.1f} connections were asked for in {_minutes(span)} minutes"


def _minutes(span: timedelta) -> int:
    return int(span.total_seconds()) // 60


def _to_come(spare: float, guide: Guide) -> str:
    predicted = (
        f", {guide.predicted_size} are recommended for a predicted peak" if guide.predicted_size else ""
    )
    return f"a surge may need {spare:.1f} more{predicted}"


def _stepped(size: float, limits: Limits) -> int:
    steps = math.ceil(size / limits.step - 1e-9) * limits.step
    return max(limits.minimum, min(limits.maximum, steps))
