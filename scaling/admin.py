"""The autoscaler in the admin: what is managed and by which policy, what was decided and done, the switch."""

import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from rest_framework.exceptions import APIException

from accounts.permissions import Role, asking, has_role
from core.admin import Admin, GoesAlongAdmin, ReadOnlyAdmin, ReadOnlyInline, TakesAlongAdmin
from scaling.columns import METRICS
from scaling.errors import ActionPendingError, RoleMissingError
from scaling.models import KillSwitch, ManagedInstance, ScalingDecision, ScalingEvent, ScalingPolicy, Source
from scaling.serializers.metrics import outlier_type
from scaling.services import killswitch, policies, registration

if TYPE_CHECKING:  # generic for the type checker alone
    _PolicyForm = forms.ModelForm[ScalingPolicy]
    _PolicyInline = admin.StackedInline[ScalingPolicy, ManagedInstance]
else:
    _PolicyForm, _PolicyInline = forms.ModelForm, admin.StackedInline

_REASON_SHOWN = 120
_FENCES = ("q1", "q3", "lower", "upper")


def _seconds(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def _table(head: Iterable[Any], rows: Iterable[Iterable[Any]]) -> SafeString:
    """Show rows of cells, each escaped; null is a dash."""
    cells = [
        format_html_join("", "<td>{}</td>", (("-" if each is None else each,) for each in row))
        for row in rows
    ]
    return format_html(
        "<table><thead><tr>{}</tr></thead><tbody>{}</tbody></table>",
        format_html_join("", "<th>{}</th>", ((each,) for each in head)),
        format_html_join("", "<tr>{}</tr>", ((each,) for each in cells)),
    )


def _pretty(value: Any) -> SafeString:
    """Show JSON as it is read best."""
    return format_html("<pre>{}</pre>", json.dumps(value, indent=2, ensure_ascii=False))


# --- Instances -------------------------------------------------------------------------------
class PolicyForm(_PolicyForm):
    """A policy, checked as the API checks it: its mode must be one that the instance's owner may choose."""

    class Meta:
        model = ScalingPolicy
        fields = policies.FIELDS

    def clean_mode(self) -> str:
        """Check the mode where another one is chosen. Raises: ValidationError."""
        mode = str(self.cleaned_data["mode"])
        if "mode" in self.changed_data:
            self._check(policies.check_mode, self.instance.instance, mode)
        return mode

    def clean_maintenance_window(self) -> str:
        """Check that it is one. Raises: ValidationError."""
        text = str(self.cleaned_data["maintenance_window"])
        self._check(policies.check_window, text)
        return text

    def _check(self, rule: Callable[..., None], *values: Any) -> None:
        """Ask a rule of the service's; raise what it refuses as an error of the one field that is cleaned."""
        try:
            rule(*values)
        except ValidationError as error:
            raise ValidationError(error.messages) from error
        except (RoleMissingError, ActionPendingError) as error:
            raise ValidationError(str(error.detail)) from error


class PolicyInline(_PolicyInline):
    """The policy on its instance's page."""

    model = ScalingPolicy
    form = PolicyForm
    fields = (*policies.FIELDS, "version", "updated_at", "updated_by")
    readonly_fields = ("version", "updated_at", "updated_by")
    can_delete = False

    def has_add_permission(self, _request: HttpRequest, _parent: Any = None) -> bool:
        """An instance has its policy from the beginning."""
        return False


@admin.register(ManagedInstance)
class ManagedInstanceAdmin(TakesAlongAdmin):
    """What is managed: looked at, monitored or not, and its policy edited."""

    list_display = (
        "instance_id",
        "owner",
        "kind",
        "is_monitoring",
        "mode",
        "capacity",
        "acted_at",
    )
    list_filter = ("is_monitoring", "is_mock", "policy__mode", "level_is_simulated", "region")
    list_select_related = ("owner", "policy")
    search_fields = ("instance_id", "owner__email")
    actions = ("start_monitoring", "stop_monitoring")
    inlines = (PolicyInline,)
    fields = (
        "instance_id",
        "public_id",
        "owner",
        "instance_type",
        "region",
        "is_mock",
        "inventory",
        "is_monitoring",
        "obstacle",
        "level",
        "capacity",
        "level_is_simulated",
        "last_action_at",
        "last_verdict",
        "group_name",
        "base_desired",
        "last_desired",
        "read_through",
        "next_reading_at",
        "created_at",
    )
    readonly_fields = fields

    @admin.display(description="UUID")
    def public_id(self, instance: ManagedInstance) -> str:
        return str(instance.uuid)

    @admin.display(description="mode", ordering="policy__mode")
    def mode(self, instance: ManagedInstance) -> str:
        return instance.policy.mode

    @admin.display(description="type and region", ordering="instance_type")
    def kind(self, instance: ManagedInstance) -> str:
        return f"{instance.instance_type}, {'mock' if instance.is_mock else instance.region}"

    @admin.display(description="capacity", ordering="level")
    def capacity(self, instance: ManagedInstance) -> str:
        return f"{instance.capacity_percent:g} % (level {instance.level})"

    @admin.display(description="last action (UTC)", ordering="last_action_at")
    def acted_at(self, instance: ManagedInstance) -> str:
        return "-" if instance.last_action_at is None else _seconds(instance.last_action_at)

    @admin.display(description="cannot be monitored because")
    def obstacle(self, instance: ManagedInstance) -> str:
        found = registration.obstacle(instance)
        return "-" if found is None else str(found.detail)

    def has_add_permission(self, _request: HttpRequest) -> bool:
        """Instances are registered by their owners, through the API."""
        return False

    def has_delete_permission(self, request: HttpRequest, found: ManagedInstance | None = None) -> bool:
        """What was just asked of AWS must be followed to its end, and counted."""
        attached = found is not None and registration.attachment(found) is not None
        return not attached and super().has_delete_permission(request, found)

    def save_model(self, *_request_and_instance: Any) -> None:
        """Leave the row alone: nothing of it is edited, and workers may have changed it meanwhile."""

    def save_formset(self, request: HttpRequest, _form: Any, formset: Any, change: Any) -> None:
        """Have the service change the policy, as it does for the API."""
        formset.save(commit=False)
        for policy, names in formset.changed_objects:
            changes = {name: getattr(policy, name) for name in names}
            policies.change(policy.instance, changes, by=asking(request))

    def delete_model(self, request: HttpRequest, instance: ManagedInstance) -> None:
        registration.delete(instance, by=asking(request))

    def delete_queryset(self, request: HttpRequest, chosen: QuerySet[ManagedInstance]) -> None:
        self._each(request, chosen, registration.delete)

    def has_monitor_permission(self, request: HttpRequest) -> bool:
        return has_role(asking(request), Role.OPERATOR)

    @admin.action(description="Start monitoring", permissions=["monitor"])
    def start_monitoring(self, request: HttpRequest, chosen: QuerySet[ManagedInstance]) -> None:
        done = self._each(request, chosen, registration.start_monitoring)
        messages.success(request, f"Monitoring of {done} instances started.")

    @admin.action(description="Stop monitoring", permissions=["monitor"])
    def stop_monitoring(self, request: HttpRequest, chosen: QuerySet[ManagedInstance]) -> None:
        done = self._each(request, chosen, registration.stop_monitoring)
        messages.success(request, f"Monitoring of {done} instances stopped.")

    def _each(
        self, request: HttpRequest, chosen: QuerySet[ManagedInstance], service: Callable[..., None]
    ) -> int:
        """Ask the service for each; tell where it refuses, and return how often it did not."""
        done = 0
        for instance in chosen:
            try:
                service(instance, by=asking(request))
            except APIException as error:
                messages.error(request, f"{instance}: {error.detail}")
            else:
                done += 1
        return done


# --- Decisions and the audit trail -----------------------------------------------------------
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
        return _seconds(decision.timestamp)

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
        return _table(("metric", *_FENCES), rows) if known else "-"

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
        return _table(head, zip(*columns, strict=True))

    @admin.display(description="vetoes")
    def explained_vetoes(self, decision: ScalingDecision) -> SafeString:
        return _pretty(decision.vetoes)

    @admin.display(description="inputs")
    def explained_inputs(self, decision: ScalingDecision) -> SafeString:
        return _pretty({name: value for name, value in decision.inputs.items() if name != "samples"})

    @admin.display(description="asked of the cloud")
    def explained_target(self, decision: ScalingDecision) -> SafeString:
        return _pretty(decision.target)


@admin.register(ScalingEvent)
class ScalingEventAdmin(ReadOnlyAdmin):
    """The audit trail."""

    list_display = ("at", "kind", "instance_id", "user", "detail")
    list_filter = ("kind",)
    list_select_related = ("user",)
    search_fields = ("=instance_id", "user__email")
    date_hierarchy = "at"


# --- The kill switch -------------------------------------------------------------------------
@admin.register(KillSwitch)
class KillSwitchAdmin(Admin):
    """The one switch."""

    list_display = ("__str__", "reason", "changed_at", "changed_by")
    list_select_related = ("changed_by",)
    fields = ("engaged", "reason", "changed_at", "changed_by")
    readonly_fields = ("changed_at", "changed_by")

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Show the switch, also when nobody has touched it yet."""
        KillSwitch.objects.get_or_create(pk=1)
        return super().changelist_view(request, extra_context)

    def has_add_permission(self, _request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, _found: Any = None) -> bool:
        return has_role(asking(request), Role.OPERATOR)

    def has_delete_permission(self, _request: HttpRequest, _found: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, switch: Model, *_form_and_change: Any) -> None:
        """Turn it as the API does."""
        turned = cast("KillSwitch", switch)
        killswitch.turn(engaged=turned.engaged, reason=turned.reason, by=asking(request))
