"""What was learned and predicted of the load, to look at."""

from django.contrib import admin

from core.admin import ReadOnlyAdmin
from dbops.models import LoadHour, Prediction, ThresholdChange


@admin.register(LoadHour)
class LoadHourAdmin(ReadOnlyAdmin):
    """The observed hours, the latest first."""

    list_display = ("hour", "samples", "average_demand", "peak_demand", "peak_utilization", "surge")
    date_hierarchy = "hour"


@admin.register(Prediction)
class PredictionAdmin(ReadOnlyAdmin):
    """What hours were expected to ask for, and what they asked for."""

    list_display = ("hour", "demand", "low", "high", "actual_peak", "confidence", "recommended_size")
    date_hierarchy = "hour"


@admin.register(ThresholdChange)
class ThresholdChangeAdmin(ReadOnlyAdmin):
    """How the thresholds moved, and why."""

    list_display = ("at", "scale_up_threshold", "scale_down_threshold", "critical_threshold", "reason")
    date_hierarchy = "at"
