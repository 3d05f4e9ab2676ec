"""How things are, at a glance."""

from typing import Any

from django.utils import timezone

from alerts.models import Alert
from collectors.models import Instance
from dashboard.pages import Page
from pipelines import standing


class OverviewPage(Page):
    """The fleet, what needs attention, and how fresh each source is."""

    title = "Overview"
    template_name = "dashboard/overview.html"

    def context(self) -> dict[str, Any]:
        return {
            "instances": Instance.objects.present().count(),
            "running": Instance.objects.running().count(),
            "open_alerts": Alert.objects.unresolved().count(),
            "now": standing.now_is(timezone.now()),
        }
