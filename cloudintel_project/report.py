"""What a start tells on the terminal: what is stored, what it took, and where to look next."""

from collections.abc import Callable
from datetime import UTC, datetime

from django.db.models import Count
from rich.console import Console
from rich.table import Table

from accounts.models import User
from accounts.tokens import issue
from analytics.costs import CostDay, CostSummary, summarise
from analytics.models import (
    Anomaly,
    BudgetStatus,
    CarbonReport,
    Computation,
    CostForecast,
    LoadForecast,
    MonthEndForecast,
    SavingTally,
    Subject,
    SustainabilityScore,
)
from analytics.savings import tallies
from cloudintel_project import home
from collectors.models import CpuMetric, DailyCost, Instance
from core.period import Period
from pipelines.models import RECORDS, Run
from pipelines.params import DAILY

COST_DAYS = 30


def print_report(console: Console) -> None:
    """Print the tables."""
    console.print(instances(), estate(), runs(), computed())


def instances() -> Table:
    """Count the instances that are there, by account, region and state."""
    table = Table("Account", "Region", "State", title="Instances", title_justify="left")
    table.add_column("Count", justify="right")
    counted = (
        Instance.objects.present()
        .values("account__account_id", "account__name", "region", "state")
        .annotate(count=Count("pk"))
        .order_by("account__account_id", "region", "state")
    )
    for row in counted:
        account = f"{row['account__account_id']} {row['account__name']}".strip()
        table.add_row(account, row["region"], row["state"], str(row["count"]))
    table.add_section()
    table.add_row("all", "", "", str(sum(row["count"] for row in counted)))
    return table


def estate() -> Table:
    """Say what the last 30 final days cost, and how many days of CPU are stored."""
    summary, currency, period = _last_costs()
    table = Table("Figure", title="Stored", title_justify="left")
    table.add_column("Value", justify="right")
    total = "unknown" if summary.total is None else f"{summary.total:,.2f} {currency}"
    table.add_row(f"Cost of the {COST_DAYS} days from {period.start} to {period.end}, exclusive", total)
    table.add_row("Days of cost in it", str(summary.days))
    table.add_row("CPU days", f"{CpuMetric.objects.count():,}")
    return table


def _last_costs() -> tuple[CostSummary, str, Period]:
    costs = DailyCost.objects.unblended()
    currency = costs.currency()
    costs = costs.filter(unit=currency)
    period = Period.last(COST_DAYS, through=costs.final_through() or datetime.now(UTC).date())
    days = costs.between(period.start, period.end).daily_totals()
    return (
        summarise([CostDay(row["date"], row["total"], row["any_estimated"]) for row in days]),
        currency,
        period,
    )


def runs() -> Table:
    """Show the runs of the last collection."""
    table = Table("Run", "Status", title="Last collection", title_justify="left")
    for heading in ("Duration", "Rows", "AWS calls", "AWS price"):
        table.add_column(heading, justify="right")
    last = Run.objects.filter(pipeline=DAILY).finished().first()
    if last is not None:
        for run in (*last.children.order_by("position"), last):
            table.add_row(*_run_row(run))
    return table


def _run_row(run: Run) -> tuple[str, ...]:
    duration = "" if run.duration_s is None else f"{run.duration_s:.1f} s"
    rows = ", ".join(f"{run.counts[what]:,} {what}" for what in RECORDS if run.counts.get(what))
    return run.pipeline, run.status, duration, rows or "0", str(run.aws_calls), f"${run.aws_cost_usd}"


# --- What was computed -----------------------------------------------------------------------
def computed() -> Table:
    """Say what came out of the last computation, or why nothing did."""
    table = Table("Computed", title="Intelligence", title_justify="left")
    table.add_column("Result", overflow="fold")
    for subject, told in _TOLD.items():
        standing = Computation.objects.standing(subject)
        known = told() if standing["computed_at"] else ""
        table.add_row(Subject(subject).label, "; ".join(filter(None, (known, standing["reason"]))))
    return table


def _month_end() -> str:
    currency = CostForecast.objects.currency()
    found = MonthEndForecast.objects.of(None, None, currency).first()
    if found is None or found.expected is None:
        return found.reason if found else ""
    costs = f"{found.expected:,.0f} {currency} by the month's end"
    return f"{costs} ({found.low:,.0f} to {found.high:,.0f})"


def _loads() -> str:
    return f"{LoadForecast.objects.filter(reason='').count():,} loads of the next two days"


def _anomalies() -> str:
    costs = [each.sentence for each in Anomaly.objects.costs()[:3]]
    return "; ".join([*costs, f"{Anomaly.objects.metrics().count():,} in metrics"])


def _savings() -> str:
    total = tallies.total(SavingTally.objects.all(), of_kind=False)
    return f"{total['monthly_usd']:,.2f} USD a month, on {total['resources']:,} resources"


def _carbon() -> str:
    report = CarbonReport.objects.first()
    parts = [report.totals[name] for name in ("operational_kg", "embodied_kg")] if report else []
    low, high = (sum(part[bound] for part in parts if part) for bound in ("low", "high"))
    days = f"{report.start} to {report.end}, exclusive" if report else ""
    return f"{low:,.1f} to {high:,.1f} kgCO2e from {days}"


def _score() -> str:
    latest = SustainabilityScore.objects.first()
    if latest is None or latest.score is None:
        return latest.reason if latest else ""
    return f"{latest.score:.0f} of 100"


def _budgets() -> str:
    known = BudgetStatus.objects.select_related("budget").order_by("budget__name")
    told = [
        f"{each.budget.name} {'unknown' if each.spent is None else f'{each.spent:,.0f}'} of "
        f"{each.budget.amount:,.0f} {each.budget.currency}"
        for each in known[:3]
    ]
    return f"Spent: {', '.join(told)}" if told else ""


_TOLD: dict[Subject, Callable[[], str]] = {
    Subject.FORECAST: _month_end,
    Subject.LOAD_FORECAST: _loads,
    Subject.ANOMALIES: _anomalies,
    Subject.SAVINGS: _savings,
    Subject.CARBON: _carbon,
    Subject.SUSTAINABILITY: _score,
    Subject.BUDGETS: _budgets,
}


# --- Where to look ---------------------------------------------------------------------------
def print_addresses(console: Console, url: str, user: User) -> None:
    """Print where to look, with a command to paste; its token is the administrator's."""
    for what, where in (
        ("Dashboard", f"{url}/"),
        ("Admin", f"{url}/admin/"),
        ("API docs", f"{url}/api/docs"),
        ("Logs", str(home.home() / "logs")),
        ("Try", f"curl -H 'Authorization: Bearer {issue(user)}' {url}/cost-summary"),
    ):
        # A line that wraps could not be pasted.
        console.print(f"{what + ':':<11}{where}", soft_wrap=True)
