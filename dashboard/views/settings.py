"""What is collected, and by which rules."""

from typing import Any

from django.conf import settings

from collectors.models import CloudAccount
from dashboard.pages import Page


class SettingsPage(Page):
    """The cloud accounts, and the limits that the environment sets."""

    title = "Settings"
    template_name = "dashboard/settings.html"

    def context(self) -> dict[str, Any]:
        return {
            "accounts": CloudAccount.objects.all(),
            "budget_usd": settings.AWS_DAILY_BUDGET_USD,
            "metric_days": settings.METRIC_RETENTION_DAYS,
            "run_days": settings.RUN_RETENTION_DAYS,
        }
