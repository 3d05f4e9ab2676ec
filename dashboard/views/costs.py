"""What the accounts cost."""

from typing import Any

from analytics.costs import CostDay, summarise
from analytics.views import USUAL_DAYS, chosen_costs, today
from core.period import Period
from dashboard.charts import Chart, Kind, Series
from dashboard.choosing import RangeForm
from dashboard.pages import Page


class CostsPage(Page):
    """The costs of each day: by default of the last 30."""

    title = "Costs"
    template_name = "dashboard/costs.html"

    def context(self) -> dict[str, Any]:
        form = RangeForm(self.request.GET, usual=Period.last(USUAL_DAYS, through=today()))
        self.status = form.status
        currency, costs = chosen_costs({})
        rows = costs.between(form.period.start, form.period.end).daily_totals()
        days = [CostDay(row["date"], row["total"], row["any_estimated"]) for row in rows]
        return {
            "form": form,
            "currency": currency,
            "summary": summarise(days),
            "chart": trend(days, currency) if days else None,
        }


def trend(days: list[CostDay], currency: str) -> Chart:
    """Draw the costs of each day; what AWS may still restate is a series of its own."""
    return Chart(
        id="trend",
        title="Cost of each day",
        unit=currency,
        at=[day.date for day in days],
        low=0,
        series=[
            Series(
                "final", [None if day.estimated else day.amount for day in days], Kind.BARS, 1, missing=""
            ),
            Series(
                "estimated", [day.amount if day.estimated else None for day in days], Kind.BARS, 2, missing=""
            ),
        ],
    )
