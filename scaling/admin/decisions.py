"""What was decided, and what was done about it."""

from django.contrib import admin
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import Truncator

from core.admin import GoesAlongAdmin, ReadOnlyAdmin, ReadOnlyInline, pretty
from scaling.admin.showing import seconds, table
from scaling.columns import METRICS
from scaling.models import ScalingDecision, ScalingEvent, Source
from scaling.serializers.metrics import outlier_type

_REASON_SHOWN = 120
_FENCES = ("q1", "q3", "lower", "upper")


class EventInline(ReadOnlyInline):
    """What was done about a decision."""

    model = ScalingEvent
    fields = ("at", "kind", "user", "detail")
    show_change_link = False


@admin.register(ScalingDecision)
class ScalingDecisionAdmin(GoesAlongAdmin):
    """What was decided, by what, and what became of it."""

    list_display = (
        "decided_at",
        "instance",
        "decision",
        "levels",
        "outcome",
        "short_reason",
    )
    list_filter = ("decision", "rule", "mode", "outcome", "simulated")
    list_select_related = ("instance",)
    search_fields = ("=instance__instance_id",)
    date_hierarchy = "timestamp"
    inlines = (EventInline,)
    fieldsets = (
        (None, {"fields": ("instance", "timestamp", "slot", "decision", "rule", "reason")}),
        ("Measured", {"fields": ("cpu", "memory_usage", "network_in", "network_out")}),
        (
            "By what",
            {
                "fields": (
                    "policy_version",
                    "simulated",
                    "explained_vetoes",
                    "statistics",
                    "samples",
                    "explained_inputs",
                )
            },
        ),
        ("Foreseen", {"fields": ("probability", "units_before", "units_wanted", "level_wanted")}),
        ("To what end", {"fields": ("mode", "level_before", "level_after", "explained_target")}),
        ("What became of it", {"fields": ("outcome", "outcome_at", "outcome_detail")}),
    )
    readonly_fields = (
        "cpu",
        "statistics",
        "explained_vetoes",
        "samples",
        "explained_inputs",
        "explained_target",
    )

    @admin.display(description="time (UTC)", ordering="timestamp")
    def decided_at(self, decision: ScalingDecision) -> str:
        return seconds(decision.timestamp)

    @admin.display(description="level", ordering="level_after")
    def levels(self, decision: ScalingDecision) -> str:
        return f"{decision.level_before} → {decision.level_after}"

    @admin.display(description="reason")
    def short_reason(self, decision: ScalingDecision) -> SafeString:
        short = Truncator(decision.reason).chars(_REASON_SHOWN)
        return format_html('<div style="min-width: 18em" title="{}">{}</div>', decision.reason, short)

    @admin.display(description="CPU utilization")
    def cpu(self, decision: ScalingDecision) -> float | None:
        return decision.cpu_utilization

    @admin.display(description="statistics")
    def statistics(self, decision: ScalingDecision) -> str:
        """Show the quartiles and fences of each metric that had enough samples."""
        known = {name: each for name, each in decision.inputs.get("statistics", {}).items() if each}
        rows = ((name, *(each[column] for column in _FENCES)) for name, each in known.items())
        return table(("metric", *_FENCES), rows) if known else "-"

    @admin.display(description="samples")
    def samples(self, decision: ScalingDecision) -> str:
        """Show the window that was looked at, sources and outliers by name."""
        window = decision.inputs.get("samples")
        if not isinstance(window, dict):
            return "-"
        sources = [Source(each).label for each in window["source"]]
        outliers = [outlier_type(each) for each in window["outlier"]]
        columns = (window["timestamp"], *(window[name] for name in METRICS), sources, outliers)
        head = ("timestamp", "CPU", "memory", "network in", "network out", "source", "outlier")
        return table(head, zip(*columns, strict=True))

    @admin.display(description="vetoes")
    def explained_vetoes(self, decision: ScalingDecision) -> SafeString:
        return pretty(decision.vetoes)

    @admin.display(description="inputs")
    def explained_inputs(self, decision: ScalingDecision) -> SafeString:
        return pretty({name: value for name, value in decision.inputs.items() if name != "samples"})

    @admin.display(description="asked of the cloud")
    def explained_target(self, decision: ScalingDecision) -> SafeString:
        return pretty(decision.target)


@admin.register(ScalingEvent)
class ScalingEventAdmin(ReadOnlyAdmin):
    """The audit trail."""

    list_display = ("at", "kind", "instance_id", "user", "detail")
    list_filter = ("kind",)
    list_select_related = ("user",)
    search_fields = ("=instance_id", "user__email")
    date_hierarchy = "at"
