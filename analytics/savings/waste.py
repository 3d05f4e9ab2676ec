"""What is paid for and not used: idle instances, disks of stopped ones, volumes attached to nothing."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from analytics.savings.confidence import confidence
from analytics.savings.market import Market
from analytics.savings.prices import PriceTable
from analytics.savings.reasons import Reason
from analytics.savings.records import Disk, Figure, Kind, Machine, Recommendation, Verdict, Withheld
from analytics.savings.usage import Usage, enough, too_short

IDLE_CPU_PERCENT = 5.0
"""Source: AWS Compute Optimizer, for which a CPU that peaks below 5 % is idle; here, a day's p99."""

IDLE_NETWORK_PERCENT = 2.0
"""Source: Azure Advisor, which has machines shut down whose network use is below 2 % of what they have."""

LEAST_DAYS_UNUSED = 7
"""A disk that was let go within a week may be taken up again."""

_SIGNALS = 2
_STORAGE_ONLY = "Storage alone is counted; provisioned IOPS and throughput come on top."


def idle(machine: Machine, usage: Usage | None, market: Market) -> Verdict:
    """Recommend to stop an instance whose CPU and, where known, network did next to nothing on any day.

    The saving is the instance's; its disks go on costing. The confidence halves where the network is not
    known.
    """
    if machine.hindrance:
        return Withheld(Kind.IDLE, machine.resource, machine.hindrance)
    if usage is None or not enough(usage.cpu):
        return Withheld(Kind.IDLE, machine.resource, too_short(usage))
    network = network_percent(machine, usage, market)
    if reason := _busy(usage, network):
        return Withheld(Kind.IDLE, machine.resource, reason)
    price = market.price(machine)
    notes = [*usage.notes, *(["Its network use is not known."] if network is None else [])]
    return Recommendation(
        kind=Kind.IDLE,
        resource=machine.resource,
        region=machine.region,
        from_type=machine.instance_type,
        evidence={
            "days": usage.cpu.days,
            "cpu_worst_p99_percent": usage.cpu.worst,
            "network_worst_percent": network,
        },
        notes=tuple([*notes, price.reason] if price.reason else notes),
        coverage=usage.coverage,
        confidence=confidence(
            coverage=usage.coverage,
            held=usage.cpu.days,
            trials=usage.cpu.days,
            measured=_SIGNALS - (network is None),
            matter=_SIGNALS,
        ),
        monthly_usd=price.usd,
    )


def network_percent(machine: Machine, usage: Usage, market: Market) -> float | None:
    """Return the busiest day's network use in percent of the type's baseline; None where not known."""
    facts = market.facts.get(machine.instance_type)
    network = enough(usage.network)
    if network is None or facts is None or not facts.network_mbps:
        return None
    return 100 * network.worst / facts.network_mbps


def stopped(machine: Machine, disks: Sequence[Disk], prices: PriceTable, now: datetime) -> Verdict:
    """Recommend to keep a snapshot, at most, of the disks that an instance stopped for a week still has."""
    if machine.state != "stopped":
        return Withheld(Kind.STOPPED, machine.resource, f"It is {machine.state}.")
    if not disks:
        return Withheld(Kind.STOPPED, machine.resource, "It has no disks, and costs nothing.")
    if reason := _too_fresh(machine.since, now):
        return Withheld(Kind.STOPPED, machine.resource, reason)
    return _unused(Kind.STOPPED, machine, machine.instance_type, disks, prices, now)


def unattached(disk: Disk, prices: PriceTable, now: datetime) -> Verdict:
    """Recommend to keep a snapshot, at most, of a volume that has been attached to nothing for a week."""
    if disk.state != "available":
        return Withheld(Kind.UNATTACHED, disk.resource, f"It is {disk.state}.")
    if reason := _too_fresh(disk.since, now):
        return Withheld(Kind.UNATTACHED, disk.resource, reason)
    return _unused(Kind.UNATTACHED, disk, disk.volume_type, [disk], prices, now)


def _busy(usage: Usage, network: float | None) -> str:
    if usage.cpu.worst >= IDLE_CPU_PERCENT:
        return Reason(
            f"On its busiest day its CPU was at {usage.cpu.worst:.1f} %, which is not idle.",
            "On its busiest day its CPU was not idle.",
        )
    if network is not None and network >= IDLE_NETWORK_PERCENT:
        return Reason(
            f"On its busiest day its network was at {network:.1f} % of its baseline, which is not idle.",
            "On its busiest day its network was not idle.",
        )
    return ""


def _too_fresh(since: datetime | None, now: datetime) -> str:
    if since is None:
        return "Since when is not known."
    days = (now - since).days
    if days >= LEAST_DAYS_UNUSED:
        return ""
    return Reason(
        f"That is so for {days} days, and {LEAST_DAYS_UNUSED} are needed.",
        f"That is so for less than {LEAST_DAYS_UNUSED} days.",
    )


def _unused(
    kind: Kind, of: Machine | Disk, from_type: str, disks: Sequence[Disk], prices: PriceTable, now: datetime
) -> Recommendation:
    days = (now - of.since).days if of.since else 0
    quotes = [prices.storage(disk.volume_type, disk.size_gib) for disk in disks]
    known = [quote.usd for quote in quotes if quote.usd is not None]
    reasons = dict.fromkeys(quote.reason for quote in quotes if quote.reason)
    figures: dict[str, Figure] = {
        "days": days,
        "disks": len(disks),
        "size_gib": sum(disk.size_gib for disk in disks),
    }
    return Recommendation(
        kind=kind,
        resource=of.resource,
        region=of.region,
        from_type=from_type,
        evidence=figures,
        notes=(_STORAGE_ONLY, *reasons),
        coverage=1.0,
        confidence=confidence(coverage=1.0, held=days, trials=days),
        monthly_usd=sum(known, Decimal(0)) if len(known) == len(disks) else None,
    )
