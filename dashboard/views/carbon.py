"""What the estate emitted, by account, service and region, and how sustainably it ran."""

from collections.abc import Sequence
from typing import Any

from analytics.carbon.views import HISTORY_DAYS
from analytics.models import CarbonReport, Computation, InstanceFootprint, Subject, SustainabilityScore
from dashboard.charts import Chart, Kind, Series
from dashboard.pages import Page

MOST_INSTANCES = 10


class CarbonPage(Page):
    """The sums of the last report, and the scores of some months."""

    title = "Carbon"
    template_name = "dashboard/carbon.html"

    def context(self) -> dict[str, Any]:
        scores = list(SustainabilityScore.objects.all()[:HISTORY_DAYS])
        largest = InstanceFootprint.objects.largest_first().select_related("instance__account")
        return {
            "standing": Computation.objects.standing(Subject.CARBON),
            "report": CarbonReport.objects.first(),
            "regions": InstanceFootprint.objects.by_region(),
            "instances": largest[:MOST_INSTANCES],
            "score": scores[0] if scores else None,
            "score_standing": Computation.objects.standing(Subject.SUSTAINABILITY),
            "chart": score_chart(scores[::-1]) if scores else None,
        }


def score_chart(scores: Sequence[SustainabilityScore]) -> Chart:
    """Draw the score of each day, the earliest first."""
    return Chart(
        id="score",
        title="Sustainability score",
        at=[each.date for each in scores],
        digits=1,
        low=0,
        high=100,
        series=[Series("score", [each.score for each in scores], Kind.LINE, 3)],
    )
