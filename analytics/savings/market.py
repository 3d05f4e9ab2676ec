"""Which types an instance could become for less, and what each of them has less of."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from analytics.savings.prices import PriceTable, Quote
from analytics.savings.records import Kind, Machine
from collectors.aws.instance_types import InstanceFacts

LEAST_SHARE = Decimal("0.05")
"""What saves a smaller share of the price is not worth a restart."""

_EXCHANGEABLE = frozenset({"m", "c", "r"})
"""Groups that differ in their memory a processor alone; all others are compared within themselves."""


@dataclass(frozen=True, slots=True)
class Shrink:
    """A limit that a change makes smaller: what was used times `scale` is percent of the new limit.

    `scale` is None where a limit is not known, or nothing is left of it. `name` is cpu, memory, network, ebs
    or credits.
    """

    name: str
    scale: float | None


@dataclass(frozen=True, slots=True)
class Option:
    """A type to change to: what that answers, what it saves a month, which limits become smaller."""

    to: InstanceFacts
    kind: Kind
    saves_usd: Decimal
    shrinks: tuple[Shrink, ...]


class Market:
    """The types and prices of one region."""

    def __init__(self, facts: Mapping[str, InstanceFacts], prices: PriceTable) -> None:
        self.facts = facts
        self.prices = prices
        self._options: dict[str, tuple[Option, ...]] = {}

    def price(self, machine: Machine) -> Quote:
        """Return what an instance costs a month."""
        return self.prices.month(machine.instance_type, machine.platform)

    def options(self, name: str) -> tuple[Option, ...]:
        """Return the types that a known, priced type can become for less, the largest saving first."""
        if name not in self._options:
            found = sorted(
                self._found(self.facts[name]), key=lambda option: (-option.saves_usd, option.to.name)
            )
            self._options[name] = tuple(found)
        return self._options[name]

    def _found(self, present: InstanceFacts) -> Iterator[Option]:
        usd = self.prices.month(present.name).usd
        if usd is None:
            return
        for name in self.prices.hourly:
            to, price = self.facts.get(name), self.prices.month(name).usd
            if to is None or price is None or price > usd * (1 - LEAST_SHARE) or not _is_open(present, to):
                continue
            kind = _kind(present, to)
            if kind is not None:
                yield Option(to, kind, usd - price, tuple(_shrinks(present, to)))


def newest(options: Sequence[Option]) -> Option:
    """Return the newest generation of those that save about as much as the one that saves the most."""
    most = max(option.saves_usd for option in options)
    near = [option for option in options if option.saves_usd >= most * (1 - LEAST_SHARE)]
    return max(near, key=lambda option: (option.to.generation, option.saves_usd, option.to.name))


def _is_open(present: InstanceFacts, to: InstanceFacts) -> bool:
    """Say whether one can become the other, in one step: nothing to less than half, at most.

    After a step is measured anew before the next one, so that a wrong one costs little.
    """
    return (
        not (to.bare_metal or to.accelerated or to.instance_store)
        and bool(set(present.architectures) & set(to.architectures))
        and (present.group == to.group or {present.group, to.group} <= _EXCHANGEABLE)
        and to.generation >= present.generation
        and 2 * to.vcpus >= present.vcpus
        and 2 * to.memory_mib >= present.memory_mib
    )


def _kind(present: InstanceFacts, to: InstanceFacts) -> Kind | None:
    if to.vcpus < present.vcpus:
        return Kind.OVERSIZED
    if to.group != present.group:
        return Kind.FAMILY
    if to.memory_mib < present.memory_mib:
        return Kind.OVERSIZED
    return Kind.GENERATION if to.generation > present.generation else None


def _shrinks(present: InstanceFacts, to: InstanceFacts) -> Iterator[Shrink]:
    if to.vcpus < present.vcpus:
        yield Shrink("cpu", present.vcpus / to.vcpus)
    if to.memory_mib < present.memory_mib:
        yield Shrink("memory", present.memory_mib / to.memory_mib)
    if to.burstable:
        yield from _sustained("credits", present.credit_vcpus, to.credit_vcpus, present.vcpus)
    yield from _sustained("network", present.network_mbps, to.network_mbps, 100)
    yield from _sustained("ebs", present.ebs_mbps, to.ebs_mbps, 100)


def _sustained(name: str, present: float | None, to: float | None, whole: float) -> Iterator[Shrink]:
    """Compare what is sustained; `whole` is the measure of all of it being used."""
    if present is None or to is None:
        yield Shrink(name, None)
    elif to < present:
        yield Shrink(name, whole / to if to else None)
