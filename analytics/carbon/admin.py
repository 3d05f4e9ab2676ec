"""Emissions and scores in the admin, to look at."""

from django.contrib import admin

from analytics.models import CarbonReport, InstanceFootprint, SustainabilityScore
from core.admin import ReadOnlyAdmin


@admin.register(CarbonReport)
class CarbonReportAdmin(ReadOnlyAdmin):
    """What the estate emitted."""

    list_display = ("__str__", "coefficients_as_of")


@admin.register(InstanceFootprint)
class InstanceFootprintAdmin(ReadOnlyAdmin):
    """What each instance emitted."""

    list_display = (
        "instance",
        "instance_type",
        "hours",
        "cpu_percent",
        "operational_low_kg",
        "operational_high_kg",
        "embodied_low_kg",
        "embodied_high_kg",
    )
    list_select_related = ("instance",)
    list_filter = ("instance__account", "instance__region")
    search_fields = ("instance__instance_id", "instance__name", "instance_type")


@admin.register(SustainabilityScore)
class SustainabilityScoreAdmin(ReadOnlyAdmin):
    """The scores of days."""

    list_display = ("date", "score", "known_weight", "reason")
