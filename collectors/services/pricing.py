"""What the next collection of an account will cost, before it is spent, and what a day comes to."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from django.conf import settings

from collectors.aws import cpu, metrics, pricing
from collectors.models import CloudAccount, Instance
from collectors.pipelines import SOURCES
from collectors.services import budget
from collectors.services.cpu import worth_asking
from collectors.services.metrics import PIPELINE as METRICS
from pipelines import due
from pipelines.params import DAILY

_UNKNOWN = "unknown until the inventory has been collected, which is free of charge"


@dataclass(frozen=True, slots=True)
class Line:
    """One source's share of a quote; None where the inventory has to be collected first."""

    source: str
    usd: Decimal | None
    basis: str
    times_a_day: int = 1

    @property
    def per_day_usd(self) -> Decimal | None:
        """What it comes to in the coming 24 hours."""
        return None if self.usd is None else self.usd * self.times_a_day


@dataclass(frozen=True, slots=True)
class Quote:
    """What is paid for one account, in dollars: for the next collection, and for the readings of metrics."""

    account_id: str
    lines: tuple[Line, ...]
    spent_today_usd: Decimal
    daily_budget_usd: Decimal

    @property
    def collection(self) -> tuple[Line, ...]:
        """The lines of the next collection; metrics have a schedule of their own."""
        return tuple(line for line in self.lines if line.source in SOURCES)

    @property
    def usd(self) -> Decimal | None:
        """The price of the next collection; None while a part of it is unknown."""
        return _sum(line.usd for line in self.collection)

    @property
    def per_day_usd(self) -> Decimal | None:
        """What all lines come to in the coming 24 hours; None while one of them is unknown."""
        return _sum(line.per_day_usd for line in self.lines)


def _sum(parts: Iterable[Decimal | None]) -> Decimal | None:
    total = Decimal(0)
    for part in parts:
        if part is None:
            return None
        total += part
    return total


def quote(account: CloudAccount) -> Quote:
    """Price the next collection from AWS's list prices and the inventory as it is stored."""
    page = pricing.call_price("ce", "GetCostAndUsage", {})
    times = due.slots_a_day(DAILY)
    return Quote(
        account_id=account.account_id,
        lines=(
            Line("ec2", Decimal(0), "DescribeInstances and DescribeVolumes are free of charge", times),
            Line("cost", page, f"one page of Cost Explorer at ${page}", times),
            _cpu_line(account, times),
            _metrics_line(account),
        ),
        spent_today_usd=budget.spent_today(account),
        daily_budget_usd=settings.AWS_DAILY_BUDGET_USD,
    )


def _cpu_line(account: CloudAccount, times_a_day: int) -> Line:
    if not _inventory_is_known(account):
        return Line("cpu", None, _UNKNOWN, times_a_day)
    instances = worth_asking().filter(account=account).count()
    queries = cpu.metric_queries(instances)
    basis = f"{queries} metrics of {instances} instances at ${pricing.METRIC_QUERY_USD} each"
    return Line("cpu", queries * pricing.METRIC_QUERY_USD, basis, times_a_day)


def _metrics_line(account: CloudAccount) -> Line:
    times_a_day = due.slots_a_day(METRICS)
    if not _inventory_is_known(account):
        return Line(METRICS, None, _UNKNOWN, times_a_day)
    running = Instance.objects.running().filter(account=account)
    instances = running.count()
    with_memory = running.filter(metric_series__memory_dimensions__isnull=False).count()
    queries = metrics.metric_queries(instances, with_memory)
    usd = queries * pricing.METRIC_QUERY_USD
    basis = (
        f"{queries} metrics of {instances} running instances at ${pricing.METRIC_QUERY_USD} each, "
        f"{times_a_day} times a day: ${usd * times_a_day:f}"
    )
    return Line(METRICS, usd, basis, times_a_day)


def _inventory_is_known(account: CloudAccount) -> bool:
    return Instance.objects.filter(account=account).exists()
