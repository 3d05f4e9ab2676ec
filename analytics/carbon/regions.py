"""Regions in which the same instance would cost less and cause less."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from analytics.carbon.coefficients import COEFFICIENTS, Coefficients
from analytics.carbon.ranges import Range

Price = Callable[[str, str], float | None]
"""The US dollars that an hour of an instance type costs in a region; None where unknown or not offered."""

_APART = ("cn", "us-gov")


@dataclass(frozen=True, slots=True)
class Hint:
    """What moving there would save over the same hours; `is_near` where it is the same part of the world.

    Data may have to stay where they are, and distance costs time: whether to move is not said here.
    """

    region: str
    usd: float
    operational_kg: Range
    is_near: bool


@dataclass(frozen=True, slots=True)
class Hints:
    """Where to, the near and those that save most first; or why nowhere is named."""

    hints: tuple[Hint, ...]
    reason: str = ""


def cheaper_and_cleaner(
    instance_type: str,
    region: str,
    *,
    hours: float,
    energy_kwh: Range,
    price: Price,
    candidates: Iterable[str] | None = None,
    coefficients: Coefficients = COEFFICIENTS,
) -> Hints:
    """Name the regions that are cheaper, and cleaner beyond doubt: the ranges of their grids do not overlap.

    `energy_kwh` is what was used in `hours`, at the meter; `candidates` are all regions with a known grid
    unless given. China and GovCloud are reached with accounts of their own, and are named to those alone.
    """
    here, now = coefficients.grid(region), price(instance_type, region)
    if here is None:
        return Hints((), f"What a kWh causes in {region} is unknown.")
    if now is None:
        return Hints((), f"The price of {instance_type} in {region} is unknown.")
    found = []
    for other in coefficients.grids if candidates is None else candidates:
        there, then = coefficients.grid(other), price(instance_type, other)
        if there is None or then is None or _partition(other) != _partition(region):
            continue
        if then < now and there.high < here.low:
            saved_kg = Range(
                energy_kwh.low * (here.low - there.high), energy_kwh.high * (here.high - there.low)
            )
            found.append(Hint(other, (now - then) * hours, saved_kg, _area(other) == _area(region)))
    if not found:
        return Hints((), f"No region with a known price is both cheaper and cleaner than {region}.")
    found.sort(key=lambda hint: (not hint.is_near, -hint.operational_kg.middle, hint.region))
    return Hints(tuple(found))


def _partition(region: str) -> str:
    return next((prefix for prefix in _APART if region.startswith(f"{prefix}-")), "")


def _area(region: str) -> str:
    return region.partition("-")[0]
