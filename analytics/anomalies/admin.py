"""Anomalies in the admin, to look at; feedback is given through the API."""

from django.contrib import admin

from analytics.models import Anomaly, AnomalyFeedback, CostJudgement
from core.admin import ReadOnlyAdmin, ReadOnlyInline


class FeedbackInline(ReadOnlyInline):
    """What people said of an incident."""

    model = AnomalyFeedback
    fields = ("given_at", "given_by", "verdict", "moved", "note")
    show_change_link = False


@admin.register(Anomaly)
class AnomalyAdmin(ReadOnlyAdmin):
    """What was out of the ordinary in costs and metrics."""

    list_display = ("sentence", "kind", "account", "first_at", "last_at", "state", "is_expected", "found_at")
    list_filter = ("kind", "state", "is_expected", "account", "region")
    list_select_related = ("account",)
    search_fields = ("sentence", "=instance__instance_id")
    date_hierarchy = "last_at"
    inlines = (FeedbackInline,)


@admin.register(CostJudgement)
class CostJudgementAdmin(ReadOnlyAdmin):
    """How far the costs of each account were judged."""

    list_display = ("account", "judged_through", "reason")
    list_select_related = ("account",)
