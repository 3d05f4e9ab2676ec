"""What the next collection of an account will cost, before it is spent."""

from dataclasses import dataclass
from decimal import Decimal

from django.conf import settings

from collectors.aws import cpu, pricing
from collectors.models import CloudAccount, Instance
from collectors.services import budget
from collectors.services.cpu import worth_asking


@dataclass(frozen=True, slots=True)
class Line:
    """One source's share of a quote; None where the inventory has to be collected first."""

    source: str
    usd: Decimal | None
    basis: str


@dataclass(frozen=True, slots=True)
class Quote:
    """The price of the next collection of one account, in dollars."""

    account_id: str
    lines: tuple[Line, ...]
    spent_today_usd: Decimal
    daily_budget_usd: Decimal

    @property
    def usd(self) -> Decimal | None:
        """The sum; None while a part of it is unknown."""
        parts = [line.usd for line in self.lines if line.usd is not None]
        return sum(parts, Decimal(0)) if len(parts) == len(self.lines) else None


def quote(account: CloudAccount) -> Quote:
    """Price the next collection from AWS's list prices and the inventory as it is stored."""
    page = pricing.call_price("ce", "GetCostAndUsage", {})
    return Quote(
        account_id=account.account_id,
        lines=(
            Line("ec2", Decimal(0), "DescribeInstances and DescribeVolumes are free of charge"),
            Line("cost", page, f"one page of Cost Explorer at ${page}"),
            _cpu_line(account),
        ),
        spent_today_usd=budget.spent_today(account),
        daily_budget_usd=settings.AWS_DAILY_BUDGET_USD,
    )


def _cpu_line(account: CloudAccount) -> Line:
    if not Instance.objects.filter(account=account).exists():
        return Line("cpu", None, "unknown until the inventory has been collected, which is free of charge")
    instances = worth_asking().filter(account=account).count()
    queries = cpu.metric_queries(instances)
    each = pricing.call_price("cloudwatch", "GetMetricData", {"MetricDataQueries": [{}]})
    return Line("cpu", queries * each, f"{queries} metrics of {instances} instances at ${each} each")
