"""Sums of footprints, and which share of what there is they speak for."""

from collections import Counter
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from analytics.carbon.footprint import Footprint
from analytics.carbon.ranges import Range, is_amount

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Part:
    """The footprint of one instance or volume, and what to add it up by; `service` is null where unknown."""

    account: str
    service: str | None
    hours: float | None
    footprint: Footprint


@dataclass(frozen=True, slots=True)
class Coverage:
    """How many resources, and how many of their hours, an estimate could be made for.

    Hours are those that are known: a resource of unknown hours counts among the resources alone.
    """

    resources: int
    estimated: int
    hours: float
    estimated_hours: float

    @property
    def share(self) -> float | None:
        """Return the share of the resources, 0 to 1; None where there are none."""
        return self.estimated / self.resources if self.resources else None

    @property
    def share_of_hours(self) -> float | None:
        return self.estimated_hours / self.hours if self.hours else None


@dataclass(frozen=True, slots=True)
class Totals:
    """kgCO2e of all that could be estimated; null where nothing could.

    `reasons` count why the others could not.
    """

    operational_kg: Range | None
    operational: Coverage
    embodied_kg: Range | None
    embodied: Coverage
    reasons: tuple[tuple[str, int], ...]


def total(parts: Iterable[Part]) -> Totals:
    """Add up footprints, the unknown ones told apart and not taken for zero."""
    held = list(parts)
    operational = [(part.hours, part.footprint.operational_kg) for part in held]
    embodied = [(part.hours, part.footprint.embodied_kg) for part in held]
    reasons = Counter(reason for part in held for reason in part.footprint.reasons)
    return Totals(
        operational_kg=_sum(operational),
        operational=_coverage(operational),
        embodied_kg=_sum(embodied),
        embodied=_coverage(embodied),
        reasons=tuple(sorted(reasons.items(), key=lambda each: (-each[1], each[0]))),
    )


def by(parts: Iterable[Part], key: Callable[[Part], Key]) -> dict[Key, Totals]:
    """Add up by account, by service, or by both, in the order in which they come first."""
    groups: dict[Key, list[Part]] = {}
    for part in parts:
        groups.setdefault(key(part), []).append(part)
    return {group: total(members) for group, members in groups.items()}


_Figures = list[tuple[float | None, Range | None]]


def _sum(figures: _Figures) -> Range | None:
    known = [kg for _, kg in figures if kg is not None]
    return Range(sum(kg.low for kg in known), sum(kg.high for kg in known)) if known else None


def _coverage(figures: _Figures) -> Coverage:
    timed = [(hours, kg) for hours, kg in figures if is_amount(hours)]
    return Coverage(
        resources=len(figures),
        estimated=sum(kg is not None for _, kg in figures),
        hours=sum(hours for hours, _ in timed),
        estimated_hours=sum(hours for hours, kg in timed if kg is not None),
    )
