"""How things are, at a glance: each part says when it was computed, or why it is not known."""

from typing import Any

from django.db.models import Count
from django.utils import timezone

from alerts.models import Alert, Severity
from analytics.costs import summarise
from analytics.models import (
    Anomaly,
    CarbonReport,
    Computation,
    Saving,
    SavingTally,
    Subject,
    SustainabilityScore,
)
from analytics.savings import stored, tallies
from analytics.views import USUAL_DAYS, today
from core import health
from core.period import Period
from dashboard import glance, spending, spending_charts
from dashboard.pages import Page
from dashboard.spending import UNDIVIDED, Cell, Chosen
from dbops.serializers.observing import health_of
from dbops.services import observing
from pipelines import freshness, standing

TOP = 5
"""So many of the largest, or latest, are named."""


class OverviewPage(Page):
    """Costs, fleet, savings and carbon; what needs attention; how fresh each source is."""

    title = "Overview"
    template_name = "dashboard/overview.html"
    parts = {
        "health": "dashboard/overview/health.html",
        "attention": "dashboard/overview/attention.html",
        "runs": "dashboard/overview/runs.html",
    }

    def context(self) -> dict[str, Any]:
        return {
            "computed": Computation.objects.all_standing(),
            **_costs(),
            "fleet": glance.fleet(),
            **_savings(),
            **_carbon(),
            **_attention(),
            **_runs(),
        }

    def part_context(self, part: str) -> dict[str, Any]:
        return {"health": _health, "attention": _attention, "runs": _runs}[part]()


def _costs() -> dict[str, Any]:
    """Tell what the month has come to and is expected to, and draw the last days, read at once."""
    now = today()
    period = Period.last(max(USUAL_DAYS, now.day), through=now)
    chosen = Chosen.of(period, {})
    days = spending.days_of(chosen)
    ahead = spending.ahead_of(chosen)
    first = now.replace(day=1)
    cells = [Cell(day.date, "", day.amount, day.estimated) for day in days]
    month = [day for day in days if day.date >= first]
    return {
        "currency": chosen.currency,
        "month": summarise(month),
        "month_began": first,
        "costs_through": max((day.date for day in month), default=None),
        "is_estimated": any(day.estimated for day in month),
        "ahead": ahead,
        "month_end": ahead.forecast.month_end if ahead.forecast else None,
        "chart": spending_charts.trend(cells, UNDIVIDED, chosen, ahead=ahead),
    }


def _savings() -> dict[str, Any]:
    standing_ones = Saving.objects.standing().largest_first().select_related("account")
    return {
        "total": tallies.total(SavingTally.objects.all(), of_kind=False),
        "savings_currency": stored.CURRENCY,
        "top_savings": standing_ones[:TOP],
    }


def _carbon() -> dict[str, Any]:
    report = CarbonReport.objects.only("start", "end", "totals").first()
    return {"report": report, "score": SustainabilityScore.objects.first()}


def _attention() -> dict[str, Any]:
    """Tell of the alerts that hold, the worst first, and of what is out of the ordinary."""
    alerts = Alert.objects.unresolved()
    counts = dict(alerts.order_by().values_list("severity").annotate(Count("pk")))
    anomalies = Anomaly.objects.open().filter(is_expected=False)
    return {
        "severities": [(each.value, counts.get(each.value, 0)) for each in reversed(Severity)],
        "open_alerts": sum(counts.values()),
        "alerts": alerts.worst_first()[:TOP],
        "anomalies": anomalies.select_related("account")[:TOP],
        "open_anomalies": anomalies.count(),
        "looked": Computation.objects.standing(Subject.ANOMALIES),
        "as_of": timezone.now(),
    }


def _runs() -> dict[str, Any]:
    now = timezone.now()
    known = standing.pipelines(now)
    return {
        "freshness": freshness.current(now),
        "sources": glance.sources({each["name"]: each["last_run"] for each in known}),
        "pipelines": [each for each in known if each["last_run"] or each["next_due"]],
        "computations": glance.computed(),
    }


def _health() -> dict[str, Any]:
    """Look at each component, which may take its time: the page is shown before, and asks for it."""
    return {
        "components": health.outcomes(),
        "database": health_of(observing.latest()),
        "as_of": timezone.now(),
    }
