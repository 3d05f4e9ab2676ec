"""The instances that the autoscaler manages."""

from typing import Any

from rest_framework.permissions import IsAuthenticated

from accounts.permissions import asking
from dashboard.choosing import rows_of_page
from dashboard.pages import Page


class AutoscalerPage(Page):
    """The user's own instances, as in the API: who has no role yet has these."""

    title = "Autoscaler"
    template_name = "dashboard/autoscaler.html"
    permission = IsAuthenticated

    def context(self) -> dict[str, Any]:
        own = asking(self.request).managed_instances.select_related("policy").order_by("instance_id")
        return {"instances": rows_of_page(self.request, own)}
