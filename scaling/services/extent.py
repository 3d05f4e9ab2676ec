"""How many units managed instances stood for in the past: as many as now, but for what was changed since."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
from django.db.models import F

from scaling.capacity import Group, Levels, Scale
from scaling.fleet import BOOT_MINUTES
from scaling.models import ManagedInstance, Mode, Outcome, ScalingDecision

_LONGEST_ACTION = timedelta(hours=2)

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Extent:
    """What an instance stands for, and how many units of it there are now."""

    scale: Scale
    units: float


@dataclass(frozen=True, slots=True)
class Step:
    """A change that was carried out: the minute (since 1970) from which it held."""

    minute: int
    before: float
    after: float


def extent(
    *, mode: str, level: int, limits: tuple[int, int], base: int | None = None, desired: int | None = None
) -> Extent:
    """Return what an instance stands for: the units of its Auto Scaling group where these are known.

    They are from its first action on. All others have levels.
    """
    if mode == Mode.ASG and base and desired:
        return Extent(Group(base, *limits), float(desired))
    levels = Levels(*limits)
    return Extent(levels, levels.units(level))


def of(instance: ManagedInstance) -> Extent:
    """Return what an instance stands for."""
    policy = instance.policy
    return extent(
        mode=policy.mode,
        level=instance.level,
        limits=(policy.min_level, policy.max_level),
        base=instance.base_desired,
        desired=instance.last_desired,
    )


def steps(extents: dict[int, Extent], since: datetime) -> dict[int, list[Step]]:
    """Return the changes since a moment of instances by key, in order, in the units of their extents.

    What was done in another mode than the present one was of other units.
    """
    found: dict[int, list[Step]] = defaultdict(list)
    applied = ScalingDecision.objects.filter(
        instance__in=_keys(extents),
        outcome=Outcome.APPLIED,
        timestamp__gte=since - _LONGEST_ACTION,
        outcome_at__gte=since,
    )
    rows = applied.filter(mode=F("instance__policy__mode")).order_by("outcome_at")
    columns = ("instance_id", "outcome_at", "level_before", "level_after", "target")
    for key, at, before, after, target in rows.values_list(*columns):
        step = _step(extents[key].scale, at, (before, after), target)
        if step is not None:
            found[key].append(step)
    return found


def _keys(extents: dict[int, Extent]) -> Collection[Any]:
    return list(extents)


def _step(scale: Scale, at: datetime, levels: tuple[int, int], target: dict[str, Any]) -> Step | None:
    """Return a change; units that are added to a group boot before they serve."""
    minute = int(at.timestamp()) // 60
    if isinstance(scale, Levels):
        return Step(minute, *map(scale.units, levels))
    if not isinstance(before := target.get("from"), int) or not isinstance(after := target.get("to"), int):
        return None
    return Step(minute + BOOT_MINUTES * (after > before), float(before), float(after))


def serving(minutes: npt.NDArray[np.int64], units: float, changes: list[Step]) -> Floats:
    """Return the units that served in these minutes, ascending, where there are `units` now."""
    found = np.full(len(minutes), changes[-1].after if changes else units)
    for change in reversed(changes):
        found[: np.searchsorted(minutes, change.minute, "right")] = change.before
    return found
