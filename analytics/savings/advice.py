"""All savings of an estate, and what they come to without counting a resource twice."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from analytics.savings import sizing, waste
from analytics.savings.market import Market
from analytics.savings.records import Disk, Kind, Machine, Recommendation, Verdict, Withheld
from analytics.savings.schedule import Rhythm, scheduled
from analytics.savings.usage import Usage


@dataclass(frozen=True, slots=True)
class Subject:
    """An instance with its disks and what was measured of it; None is not measured."""

    machine: Machine
    disks: tuple[Disk, ...] = ()
    usage: Usage | None = None
    rhythm: Rhythm | None = None


@dataclass(frozen=True, slots=True)
class Total:
    """What the best recommendation of each resource comes to; `unpriced` resources have none with a price."""

    monthly_usd: Decimal
    counted: tuple[Recommendation, ...]
    unpriced: int


@dataclass(frozen=True, slots=True)
class Advice:
    """What is recommended, the largest saving first, and what is not, with its reason."""

    recommendations: tuple[Recommendation, ...]
    withheld: tuple[Withheld, ...]
    total: Total


def advise(
    subjects: Iterable[Subject], loose: Iterable[Disk], market_of: Callable[[str], Market], now: datetime
) -> Advice:
    """Apply every rule to instances and to loose volumes; `market_of` has a region's types and prices."""
    verdicts = [
        *(
            verdict
            for subject in subjects
            for verdict in _of(subject, market_of(subject.machine.region), now)
        ),
        *(waste.unattached(disk, market_of(disk.region).prices, now) for disk in loose),
    ]
    found = [verdict for verdict in verdicts if isinstance(verdict, Recommendation)]
    ordered = tuple(sorted(found, key=_rank))
    withheld = tuple(verdict for verdict in verdicts if isinstance(verdict, Withheld))
    return Advice(ordered, withheld, total(ordered))


def total(recommendations: Iterable[Recommendation]) -> Total:
    """Count the best recommendation of each resource: they exclude each other, or would overlap."""
    best: dict[tuple[str, str], Recommendation] = {}
    for each in sorted(recommendations, key=_rank):
        best.setdefault((each.region, each.resource), each)
    amounts = [each.monthly_usd for each in best.values() if each.monthly_usd is not None]
    return Total(sum(amounts, Decimal(0)), tuple(best.values()), len(best) - len(amounts))


def _of(subject: Subject, market: Market, now: datetime) -> Iterator[Verdict]:
    machine = subject.machine
    if machine.state == "stopped":
        yield waste.stopped(machine, subject.disks, market.prices, now)
        return
    yield waste.idle(machine, subject.usage, market)
    yield sizing.downsized(Kind.OVERSIZED, machine, subject.usage, market)
    yield sizing.downsized(Kind.FAMILY, machine, subject.usage, market)
    yield sizing.generation(machine, market)
    yield scheduled(machine, subject.rhythm, market)


def _rank(each: Recommendation) -> tuple[bool, Decimal, float, str, str]:
    """Order by amount, the unknown last; of equal ones the surer first."""
    usd = each.monthly_usd
    return usd is None, -(usd or Decimal(0)), -each.confidence, each.resource, each.kind
