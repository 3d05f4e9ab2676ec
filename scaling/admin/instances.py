"""What is managed, and by which policy."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest
from rest_framework.exceptions import APIException

from accounts.permissions import Role, asking, has_role
from core.admin import TakesAlongAdmin
from scaling.admin.showing import seconds
from scaling.errors import ActionPendingError, RoleMissingError
from scaling.models import ManagedInstance, ScalingPolicy
from scaling.services import policies, registration

if TYPE_CHECKING:  # generic for the type checker alone
    _PolicyForm = forms.ModelForm[ScalingPolicy]
    _PolicyInline = admin.StackedInline[ScalingPolicy, ManagedInstance]
else:
    _PolicyForm, _PolicyInline = forms.ModelForm, admin.StackedInline


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
    list_filter = ("is_monitoring", "is_mock", "policy__mode", "policy__kind", "level_is_simulated", "region")
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
        "foreseen_wish",
        "foreseen_at",
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
        return "-" if instance.last_action_at is None else seconds(instance.last_action_at)

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
