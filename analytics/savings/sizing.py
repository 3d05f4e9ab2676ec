"""Whether an instance would do with another type: a smaller size, another family, a newer generation.

A smaller type is recommended where the 99th percentile of what was used would be at most 60 % of each limit
that becomes smaller: that leaves a quarter of the 80 % that a size shall hold as headroom for weeks unlike
those seen. CPU and memory have to be known for that, bandwidths where nothing else becomes smaller. One step
at most halves processors and memory. A processor of one type counts as much as one of another.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from analytics.savings.confidence import confidence
from analytics.savings.market import Market, Option, Shrink, newest
from analytics.savings.reasons import Reason
from analytics.savings.records import Figure, Kind, Machine, Recommendation, Verdict, Withheld
from analytics.savings.usage import Load, Usage, enough, too_short
from collectors.aws.instance_types import InstanceFacts

LIMIT = 80.0
"""A size holds while the 99th percentile stays at or below so many percent of its limits."""

TARGET = 60.0
"""What is recommended was used at most so far."""

_MIB_A_GIB = 1024
_INDISPENSABLE = frozenset({"cpu", "memory", "credits"})
_NO_MEMORY = "Memory is not measured, or not for a week: no type with less of it is considered."


@dataclass(frozen=True, slots=True)
class _Fit:
    """An option that what was used fits into: each limit's new 99th percentile, in percent."""

    option: Option
    used: dict[str, float]
    unmeasured: tuple[str, ...]
    held: int


def downsized(kind: Kind, machine: Machine, usage: Usage | None, market: Market) -> Verdict:
    """Look for a type with less of what is not needed, one of the same family first.

    `Kind.OVERSIZED` has less CPU, or less memory in its family; `Kind.FAMILY` has as much CPU in another one.
    """
    if reason := barred(machine, market):
        return Withheld(kind, machine.resource, reason)
    if usage is None or not enough(usage.cpu):
        return Withheld(kind, machine.resource, too_short(usage))
    options = [option for option in market.options(machine.instance_type) if option.kind is kind]
    fits = [fit for option in options if (fit := _fit(option, usage)) is not None]
    if not fits:
        return Withheld(kind, machine.resource, _why_none(options, usage))
    present = market.facts[machine.instance_type]
    alike = [fit for fit in fits if fit.option.to.family == present.family] or fits
    chosen = newest([fit.option for fit in alike])
    fit = next(fit for fit in alike if fit.option is chosen)
    return Recommendation(
        kind=kind,
        resource=machine.resource,
        region=machine.region,
        from_type=present.name,
        to_type=fit.option.to.name,
        evidence=_sizes(present, fit.option.to) | _used(fit, usage),
        notes=(*_unknown(fit, usage), *_differences(present, fit.option.to)),
        coverage=usage.coverage,
        confidence=_confidence(fit, usage),
        monthly_usd=fit.option.saves_usd,
    )


def generation(machine: Machine, market: Market) -> Verdict:
    """Look for a newer generation that costs less and has nothing less, which needs no measurements."""
    if reason := barred(machine, market):
        return Withheld(Kind.GENERATION, machine.resource, reason)
    newer = [
        option
        for option in market.options(machine.instance_type)
        if option.kind is Kind.GENERATION and not option.shrinks
    ]
    if not newer:
        return Withheld(Kind.GENERATION, machine.resource, "No newer generation costs less and has as much.")
    present, best = market.facts[machine.instance_type], newest(newer)
    return Recommendation(
        kind=Kind.GENERATION,
        resource=machine.resource,
        region=machine.region,
        from_type=present.name,
        to_type=best.to.name,
        evidence=_sizes(present, best.to),
        notes=tuple(_differences(present, best.to)),
        coverage=1.0,
        confidence=1.0,
        monthly_usd=best.saves_usd,
    )


def barred(machine: Machine, market: Market) -> str:
    """Say why an instance's type is left as it is, whatever was measured; empty where it is not."""
    if machine.hindrance:
        return machine.hindrance
    facts = market.facts.get(machine.instance_type)
    if facts is None:
        return Reason(f"The type {machine.instance_type} is not known.", "Its type is not known.")
    if facts.instance_store:
        loses = "has an instance store, whose data a stop would lose."
        return Reason(f"{facts.name} {loses}", f"Its type {loses}")
    if facts.accelerated or facts.bare_metal:
        unmeasured = "is bare metal or has accelerators, which are not measured."
        return Reason(f"{facts.name} {unmeasured}", f"Its type {unmeasured}")
    return market.price(machine).reason


def _why_none(options: list[Option], usage: Usage) -> str:
    if not options:
        return "No type that costs less has at least half of what it has."
    if not enough(usage.memory) and all(_shrinks(option, "memory") for option in options):
        return _NO_MEMORY
    return f"What it used is not known to be at most {TARGET:g} % of what any cheaper type has less of."


def _shrinks(option: Option, name: str) -> bool:
    return any(shrink.name == name for shrink in option.shrinks)


def _fit(option: Option, usage: Usage) -> _Fit | None:
    """Return how what was used fits; None where it does not, or where that is not known."""
    used: dict[str, float] = {}
    unmeasured: list[str] = []
    has_held = ~np.isnan(usage.cpu.daily_p99)
    for shrink in option.shrinks:
        load = enough(_load(shrink, usage))
        if load is None or shrink.scale is None:
            if shrink.name in _INDISPENSABLE:
                return None
            unmeasured.append(shrink.name)
            continue
        used[shrink.name] = load.p99 * shrink.scale
        if used[shrink.name] > TARGET:
            return None
        has_held &= load.daily_p99 * shrink.scale <= LIMIT
    if unmeasured and not used:
        return None
    return _Fit(option, used, tuple(unmeasured), int(np.count_nonzero(has_held)))


def _load(shrink: Shrink, usage: Usage) -> Load | None:
    """Return what counts against a limit; credits are settled over a day, so that a day's mean does."""
    match shrink.name:
        case "cpu":
            return usage.cpu
        case "memory":
            return usage.memory
        case "network":
            return usage.network
        case "ebs":
            return usage.ebs
        case _:
            mean = usage.cpu.daily_mean
            return Load(float(np.nanmax(mean)), mean, mean)


def _confidence(fit: _Fit, usage: Usage) -> float:
    matter = len(fit.option.shrinks)
    return confidence(
        coverage=usage.coverage,
        held=fit.held,
        trials=usage.cpu.days,
        measured=matter - len(fit.unmeasured),
        matter=matter,
    )


def _sizes(present: InstanceFacts, to: InstanceFacts) -> dict[str, Figure]:
    return {
        "vcpus": present.vcpus,
        "to_vcpus": to.vcpus,
        "memory_gib": present.memory_mib / _MIB_A_GIB,
        "to_memory_gib": to.memory_mib / _MIB_A_GIB,
    }


def _used(fit: _Fit, usage: Usage) -> dict[str, Figure]:
    """Tell what was used of the present limits, and what that is of those that become smaller."""
    return {
        "days": usage.cpu.days,
        "days_held": fit.held,
        "cpu_p99_percent": usage.cpu.p99,
        "memory_p99_percent": usage.memory.p99 if usage.memory else None,
        **{f"to_{name}_p99_percent": percent for name, percent in fit.used.items()},
    }


def _unknown(fit: _Fit, usage: Usage) -> Iterator[str]:
    yield from usage.notes
    if not enough(usage.memory):
        yield _NO_MEMORY
    if fit.unmeasured:
        yield f"It has less bandwidth ({', '.join(fit.unmeasured)}), of which the use is not known."


def _differences(present: InstanceFacts, to: InstanceFacts) -> Iterator[str]:
    if present.manufacturer != to.manufacturer:
        yield f"Its processor is made by {to.manufacturer}, not {present.manufacturer}."
    if present.hypervisor != to.hypervisor:
        yield f"Its hypervisor is {to.hypervisor}: the system needs drivers for ENA and NVMe."
