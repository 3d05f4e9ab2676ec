"""Savings and prices in the admin, to look at."""

from django.contrib import admin
from django.utils.safestring import SafeString

from analytics.models import FollowedSaving, PriceList, Saving
from core.admin import ReadOnlyAdmin, pretty


@admin.register(Saving)
class SavingAdmin(ReadOnlyAdmin):
    """What could be saved."""

    list_display = (
        "resource",
        "name",
        "kind",
        "from_type",
        "to_type",
        "monthly_usd",
        "confidence",
        "dismissed_at",
    )
    list_filter = ("kind", "region", "account", "is_standing")
    search_fields = ("resource", "name")
    list_select_related = ("account",)
    exclude = ("evidence",)
    readonly_fields = ("readable_evidence",)

    @admin.display(description="evidence")
    def readable_evidence(self, saving: Saving) -> SafeString:
        """Show the figures."""
        return pretty(saving.evidence)


@admin.register(FollowedSaving)
class FollowedSavingAdmin(ReadOnlyAdmin):
    """What was saved."""

    list_display = ("resource", "name", "kind", "change", "changed_at", "promised_usd", "monthly_usd", "held")
    list_filter = ("kind", "change", "region", "account")
    search_fields = ("resource", "name")
    date_hierarchy = "changed_at"


@admin.register(PriceList)
class PriceListAdmin(ReadOnlyAdmin):
    """The prices that were fetched."""

    list_display = ("region", "date", "source", "fetched_at")
    exclude = ("hourly", "gb_month")
