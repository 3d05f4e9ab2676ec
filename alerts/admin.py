"""Alerts in the admin: to look at, and to end by hand."""

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from accounts.permissions import Role, asking, has_role
from alerts import services
from alerts.models import Alert, Notification, Severity
from core.admin import EmptyFilter, ReadOnlyAdmin, ReadOnlyInline

_COLOURS = {Severity.WARNING: "#b35900", Severity.ERROR: "#c1121f", Severity.CRITICAL: "#7a0010"}


class StateFilter(EmptyFilter):
    """Tells what still holds from what is over."""

    title = "state"
    parameter_name = "over"
    field = "resolved_at"
    names = ("open", "resolved")


class PendingFilter(EmptyFilter):
    """Tells what is still to be sent from what was."""

    title = "state"
    parameter_name = "sent"
    field = "sent_at"
    names = ("pending", "sent")


class NotificationInline(ReadOnlyInline):
    """What there was to tell about an alert."""

    model = Notification
    fields = ("event", "created_at", "not_before", "attempts", "sent_at")
    show_change_link = False


@admin.register(Alert)
class AlertAdmin(ReadOnlyAdmin):
    """The troubles there are and were."""

    list_display = (
        "title",
        "coloured_severity",
        "state",
        "first_line",
        "source",
        "count",
        "opened_at",
        "updated_at",
        "resolved_at",
    )
    list_filter = (StateFilter, "severity", "source")
    search_fields = ("key", "title", "body")
    date_hierarchy = "opened_at"
    actions = ("resolve",)
    inlines = (NotificationInline,)
    readonly_fields = ("state",)

    @admin.display(description="severity", ordering="severity")
    def coloured_severity(self, alert: Alert) -> SafeString:
        """Show the severity so that what matters most stands out."""
        return format_html('<b style="color: {}">{}</b>', _COLOURS[Severity(alert.severity)], alert.severity)

    @admin.display(description="what to do")
    def first_line(self, alert: Alert) -> str:
        return alert.body.partition("\n")[0][:160]

    def has_resolve_permission(self, request: HttpRequest) -> bool:
        return has_role(asking(request), Role.OPERATOR)

    @admin.action(description="Resolve", permissions=["resolve"])
    def resolve(self, request: HttpRequest, chosen: QuerySet[Alert]) -> None:
        """End what was chosen; it opens again when the trouble is seen again."""
        keys = chosen.filter(resolved_at=None).values_list("key", flat=True)
        ended = [alert for key in keys if (alert := services.resolve(key))]
        messages.success(request, f"Resolved {len(ended)} alerts.")


@admin.register(Notification)
class NotificationAdmin(ReadOnlyAdmin):
    """The outbox: what there is to tell, and what was told."""

    list_display = ("__str__", "event", "created_at", "not_before", "attempts", "sent_at")
    list_filter = (PendingFilter, "event")
    list_select_related = ("alert",)
    date_hierarchy = "created_at"
