"""A score of how sustainably an estate runs, 0 to 100, with the parts that it is made of."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from analytics.carbon.coefficients import COEFFICIENTS, Coefficients
from analytics.carbon.processors import ARCHITECTURES, candidates
from analytics.carbon.ranges import Range, is_amount

GOOD_UTILISATION_PERCENT = 50.0
"""Earns 100. Source: what hyperscale servers reach, US Data Center Energy Usage Report (LBNL 2016)."""

IDLE_PERCENT = 5.0
"""A machine is idle whose mean CPU is below that."""

LEAST_KNOWN = 0.5
"""Of a part's vCPU-hours, and of the total's weights, at least so much has to be known."""

WEIGHTS = {
    "utilisation": 0.25,
    "idle": 0.25,
    "efficiency": 0.20,
    "grid": 0.15,
    "storage": 0.10,
    "coverage": 0.05,
}

_FULL = 100.0


@dataclass(frozen=True, slots=True)
class Running:
    """An instance over the hours that it ran; None and NaN are unknown."""

    instance_type: str
    region: str
    vcpus: int | None
    hours: float
    cpu_percent: float | None


@dataclass(frozen=True, slots=True)
class Storage:
    """The size of all volumes, and of those that nothing is attached to (GiB)."""

    total_gib: float
    unattached_gib: float


@dataclass(frozen=True, slots=True)
class ScorePart:
    """One part, 0 to 100: null, with the reason, where too little is known."""

    name: str
    weight: float
    score: float | None
    reason: str


@dataclass(frozen=True, slots=True)
class Score:
    """The mean of the parts that are known, by their weights; null where these are less than half."""

    total: float | None
    known_weight: float
    parts: tuple[ScorePart, ...]
    reason: str


def assess(
    machines: Sequence[Running], storage: Storage | None, *, coefficients: Coefficients = COEFFICIENTS
) -> Score:
    """Score an estate. What is unknown takes no part, and is neither 0 nor 100."""
    ran = [machine for machine in machines if is_amount(machine.hours) and machine.hours > 0]
    worst = max(grid.kg_per_kwh for grid in coefficients.grids.values())

    def cleanness(machine: Running) -> float | None:
        found = coefficients.grids.get(machine.region)
        return None if found is None else 1 - found.kg_per_kwh / worst

    parts = (
        _part("utilisation", *_mean(ran, _busy, "have their CPU measured")),
        _part("idle", *_mean(ran, _awake, "have their CPU measured")),
        _part("efficiency", *_mean(ran, _efficiency, "have processors whose watts are known")),
        _part("grid", *_mean(ran, cleanness, "are in regions whose grid is known")),
        _part("storage", *_storage(storage)),
        _part("coverage", *_coverage(ran, cleanness)),
    )
    return _total(parts)


def _total(parts: tuple[ScorePart, ...]) -> Score:
    known = [(part.weight, part.score) for part in parts if part.score is not None]
    weight = math.fsum(weight for weight, _ in known)
    if weight < LEAST_KNOWN:
        return Score(
            None,
            weight,
            parts,
            f"Parts of {weight:.0%} of the weight are known, {LEAST_KNOWN:.0%} have to be.",
        )
    return Score(math.fsum(weight * score for weight, score in known) / weight, weight, parts, "")


def _part(name: str, score: float | None, reason: str) -> ScorePart:
    return ScorePart(name, WEIGHTS[name], score, reason)


def _mean(
    machines: Iterable[Running], share: Callable[[Running], float | None], what: str
) -> tuple[float | None, str]:
    """Return the mean share as a score, by vCPU-hours; or why there is none."""
    sized = [(machine.vcpus * machine.hours, share(machine)) for machine in machines if machine.vcpus]
    known = [(weight, value) for weight, value in sized if value is not None]
    whole, covered = math.fsum(weight for weight, _ in sized), math.fsum(weight for weight, _ in known)
    if not whole:
        return None, "No instance of known size ran."
    if covered < LEAST_KNOWN * whole:
        return None, f"{covered / whole:.0%} of the vCPU-hours {what}, {LEAST_KNOWN:.0%} have to."
    return _FULL * math.fsum(weight * value for weight, value in known) / covered, ""


def _busy(machine: Running) -> float | None:
    percent = machine.cpu_percent
    return min(1.0, percent / GOOD_UTILISATION_PERCENT) if is_amount(percent) else None


def _awake(machine: Running) -> float | None:
    percent = machine.cpu_percent
    return float(percent >= IDLE_PERCENT) if is_amount(percent) else None


def _efficiency(machine: Running) -> float | None:
    """Return the watts of a vCPU at half load on the most frugal architecture, by those on this one."""
    found = candidates(machine.instance_type)
    if isinstance(found, str) or not found.is_listed:
        return None
    return (
        min(map(_half_load_w, ARCHITECTURES))
        / Range.around(Range.exactly(_half_load_w(name)) for name in found.architectures).middle
    )


def _half_load_w(name: str) -> float:
    return (ARCHITECTURES[name].idle_w + ARCHITECTURES[name].full_w) / 2


def _storage(storage: Storage | None) -> tuple[float | None, str]:
    if storage is None or not storage.total_gib:
        return None, "No volumes are known."
    return _FULL * (1 - storage.unattached_gib / storage.total_gib), ""


def _coverage(
    machines: Sequence[Running], cleanness: Callable[[Running], float | None]
) -> tuple[float | None, str]:
    """Score the share of the hours of which everything above is known."""
    hours = math.fsum(machine.hours for machine in machines)
    if not hours:
        return None, "No instance ran."
    known = math.fsum(
        machine.hours
        for machine in machines
        if machine.vcpus and None not in (_busy(machine), _efficiency(machine), cleanness(machine))
    )
    return _FULL * known / hours, ""
