"""The instances of all accounts."""

from typing import Any

from collectors.models import Instance
from dashboard.choosing import rows_of_page
from dashboard.pages import Page


class FleetPage(Page):
    """The instances that the last scans found."""

    title = "Fleet"
    template_name = "dashboard/fleet.html"

    def context(self) -> dict[str, Any]:
        return {"instances": rows_of_page(self.request, Instance.objects.present().select_related("account"))}
