"""Forecasts in the admin, to look at."""

from django.contrib import admin

from analytics.models import CostForecast, LoadForecast, MonthEndForecast
from core.admin import ReadOnlyAdmin, ReadOnlyInline


class MonthEndInline(ReadOnlyInline):
    """What the month will have cost."""

    model = MonthEndForecast
    show_change_link = False


@admin.register(CostForecast)
class CostForecastAdmin(ReadOnlyAdmin):
    """What costs are expected to be."""

    list_display = ("account", "service", "unit", "final_through", "method", "measured", "mase", "reason")
    list_filter = ("unit", "method", "account")
    list_select_related = ("account",)
    search_fields = ("service",)
    inlines = (MonthEndInline,)


@admin.register(LoadForecast)
class LoadForecastAdmin(ReadOnlyAdmin):
    """What load is expected."""

    list_display = ("instance", "metric", "start", "method", "measured", "mase", "reason")
    list_filter = ("metric", "method", "instance__account")
    list_select_related = ("instance",)
    search_fields = ("instance__instance_id", "instance__name")
