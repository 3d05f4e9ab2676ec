"""What needs somebody's attention, and what did; alerts are acknowledged."""

from typing import Any

from django.shortcuts import get_object_or_404
from django.utils import timezone

from accounts.permissions import asking
from alerts.filters import AlertFilter
from alerts.models import Alert, State
from alerts.serializers import AcknowledgementSerializer
from alerts.services import sink
from dashboard.choosing import filtered, rows_of_page
from dashboard.pages import Action, Page


class AlertsPage(Page):
    """The alerts that still hold, unless the address asks for others; the latest first."""

    title = "Alerts"
    template_name = "dashboard/alerts.html"
    parts = {"alerts": "dashboard/alerts/list.html"}

    def context(self) -> dict[str, Any]:
        known = Alert.objects.select_related("acknowledged_by")
        found = filtered(AlertFilter, self.request, known, usual={"state": State.OPEN})
        self.status = found.status
        return {
            "form": found.form,
            "alerts": rows_of_page(self.request, found.rows),
            "as_of": timezone.now(),
        }


class Acknowledge(Action):
    """Notes that somebody looks after an open alert; whoever was first, stays."""

    back = "dashboard:alerts"

    def act(self, **kwargs: Any) -> str:
        alert = get_object_or_404(Alert, pk=kwargs["pk"])
        sent = AcknowledgementSerializer(data={"note": self.request.POST.get("note", "")})
        sent.is_valid(raise_exception=True)
        alert = sink.acknowledge(alert, by=asking(self.request), **sent.validated_data)
        return f"“{alert.title}” is looked after by {alert.acknowledged_by}."
