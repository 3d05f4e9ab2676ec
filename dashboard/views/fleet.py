"""The instances of all accounts, and what is known of each."""

from typing import Any

from django.utils import timezone

from analytics.models import CarbonReport, Computation, Subject
from collectors.filters import InstanceFilter
from collectors.models import Instance
from dashboard import fleet
from dashboard.choosing import filtered, rows_of_page
from dashboard.pages import Page


class FleetPage(Page):
    """The instances that the last scans found, unless the address asks for those that are gone, too."""

    title = "Fleet"
    template_name = "dashboard/fleet.html"

    def context(self) -> dict[str, Any]:
        known = Instance.objects.select_related("account")
        found = filtered(InstanceFilter, self.request, known, usual={"gone": "false"})
        self.status = found.status
        page = rows_of_page(self.request, found.rows)
        return {
            "form": found.form,
            "page_of_instances": page,
            "rows": fleet.rows(list(page), timezone.now()),
            "hours": fleet.HOURS,
            "savings": Computation.objects.standing(Subject.SAVINGS),
            "carbon": Computation.objects.standing(Subject.CARBON),
            "report": CarbonReport.objects.only("start", "end").first(),
        }
