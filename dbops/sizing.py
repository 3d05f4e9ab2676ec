"""The rules by which the pool grows and shrinks: values in, a decision out."""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from dbops.readings import PoolReading
from dbops.thresholds import Thresholds


class Decision(StrEnum):
    """What is to become of the pool."""

    SCALE_UP = "scale_up"
    SCALE_DOWN = "scale_down"
    MAINTAIN = "maintain"
    EMERGENCY_SCALE_UP = "emergency_scale_up"


@dataclass(frozen=True, slots=True)
class Limits:
    """Between which sizes the pool is kept, by how much it changes, and for how long it is left alone then.

    `reserved` are the connections that a predicted peak needs: the pool does not shrink below them.
    """

    minimum: int = 5
    maximum: int = 100
    step: int = 5
    cooldown: timedelta = timedelta(minutes=5)
    reserved: int = 0
    why_maximum: str = ""
    why_reserved: str = ""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A decision with the figures that it was made from; `applied` once the pool has that size."""

    decision: Decision
    reason: str
    current_pool_size: int
    recommended_pool_size: int
    utilization: float
    thresholds: Thresholds
    applied: bool = False


@dataclass(frozen=True, slots=True)
class _Case:
    """All that a decision is made from."""

    reading: PoolReading
    thresholds: Thresholds
    limits: Limits
    rest: timedelta
    """What is left of the cooldown."""

    @property
    def seen(self) -> str:
        """What was seen, in words."""
        reading = self.reading
        waiting = f", and {reading.waiting:g} clients wait for one" if reading.waiting else ""
        used = f"{reading.used:g} of {reading.size} connections are busy{waiting}"
        return f"{used} (utilisation {_percent(reading.utilization)})"

    def answer(self, decision: Decision, reason: str, size: int | None = None) -> Evaluation:
        reading = self.reading
        return Evaluation(
            decision=decision,
            reason=reason,
            current_pool_size=reading.size,
            recommended_pool_size=reading.size if size is None else size,
            utilization=reading.utilization,
            thresholds=self.thresholds,
        )

    def keep(self, why: str) -> Evaluation:
        return self.answer(Decision.MAINTAIN, f"{self.seen}: {why}.")


def judge(
    reading: PoolReading,
    thresholds: Thresholds,
    limits: Limits,
    *,
    changed_at: datetime | None,
    now: datetime,
) -> Evaluation:
    """Decide what size the pool shall have, which was last changed at `changed_at`."""
    rest = timedelta(0) if changed_at is None else changed_at + limits.cooldown - now
    case = _Case(reading, thresholds, limits, rest)
    if not _is_known(reading):
        return case.answer(Decision.MAINTAIN, "Too little is known of the pool to change it.")
    if reading.utilization >= thresholds.critical:
        return _grow_to_maximum(case)
    if reading.waiting or reading.utilization >= thresholds.scale_up:
        return _grow(case)
    if reading.utilization <= thresholds.scale_down:
        return _shrink(case)
    between = f"between {_percent(thresholds.scale_down)} and {_percent(thresholds.scale_up)}, nothing to do"
    return case.keep(between)


def _is_known(reading: PoolReading) -> bool:
    figures = (reading.active, reading.waiting, reading.utilization)
    return reading.size > 0 and all(math.isfinite(each) and each >= 0 for each in figures)


def _grow_to_maximum(case: _Case) -> Evaluation:
    limits, critical = case.limits, _percent(case.thresholds.critical)
    if case.reading.size >= limits.maximum:
        return case.keep(f"{critical} or more is critical, but {at_most(limits)}")
    reason = f"{case.seen}: {critical} or more is critical, to the maximum at once; {at_most(limits)}."
    return case.answer(Decision.EMERGENCY_SCALE_UP, reason, limits.maximum)


def _grow(case: _Case) -> Evaluation:
    reading, limits = case.reading, case.limits
    high = f"{_percent(case.thresholds.scale_up)} or more"
    why = high if reading.utilization >= case.thresholds.scale_up else "clients wait"
    if reading.size >= limits.maximum:
        return case.keep(f"{why}, but {at_most(limits)}")
    if case.rest > timedelta(0):
        return case.keep(f"{why}, but {_resting(case.rest)}")
    size = min(max(reading.size + limits.step, limits.minimum), limits.maximum)
    bounded = f"; {at_most(limits)}" if size == limits.maximum else ""
    reason = f"{case.seen}: {why}, {size - reading.size} more{bounded}."
    return case.answer(Decision.SCALE_UP, reason, size)


def _shrink(case: _Case) -> Evaluation:
    reading, limits = case.reading, case.limits
    low = f"{_percent(case.thresholds.scale_down)} or less"
    floor = min(max(limits.minimum, limits.reserved), limits.maximum)
    size = min(max(reading.size - limits.step, floor), limits.maximum)
    if size >= reading.size:
        is_reserved = limits.reserved > limits.minimum and reading.size > limits.minimum
        return case.keep(f"{low}, but {limits.why_reserved if is_reserved else _at_least(limits)}")
    if case.rest > timedelta(0):
        return case.keep(f"{low}, but {_resting(case.rest)}")
    # Else the smaller pool would have to grow again at once.
    if reading.demand >= size * case.thresholds.scale_up:
        return case.keep(f"{low}, but that would be {_percent(reading.demand / size)} of {size}")
    reason = f"{case.seen}: {low}, {reading.size - size} fewer."
    return case.answer(Decision.SCALE_DOWN, reason, size)


def at_most(limits: Limits) -> str:
    """Say what the maximum is, and where it comes from if not from the settings."""
    why = f", since {limits.why_maximum}" if limits.why_maximum else ""
    return f"{limits.maximum} is the maximum{why}"


def _at_least(limits: Limits) -> str:
    return f"{limits.minimum} is the minimum"


def _resting(rest: timedelta) -> str:
    return f"it was changed lately and is left alone for another {math.ceil(rest.total_seconds())} s"


def _percent(share: float) -> str:
    return f"{share * 100:.4g} %"
