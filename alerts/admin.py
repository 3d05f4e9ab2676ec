"""Alerts in the admin: to look at, to acknowledge and to end by hand, and the channels that tell of them."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from accounts.permissions import Role, asking, has_role
from alerts import services
from alerts.errors import AlertOverError
from alerts.masking import masked
from alerts.models import Alert, Channel, Delivery, DeliveryQuerySet, Notification, Severity
from alerts.services import audit, channels, delivering, sink
from core.admin import Admin, EmptyFilter, GoesAlongAdmin, ReadOnlyAdmin, ReadOnlyInline, TakesAlongAdmin
from core.errors import InvalidInputError

if TYPE_CHECKING:  # generic for the type checker alone
    _ChannelForm = forms.ModelForm[Channel]
else:
    _ChannelForm = forms.ModelForm

_COLOURS = {Severity.WARNING: "#b35900", Severity.ERROR: "#c1121f", Severity.CRITICAL: "#7a0010"}


class StateFilter(EmptyFilter):
    """Tells what still holds from what is over."""

    title = "state"
    parameter_name = "over"
    field = "resolved_at"
    names = ("open", "resolved")


class AcknowledgedFilter(EmptyFilter):
    """Tells what somebody looks after from what nobody does."""

    title = "acknowledged"
    parameter_name = "acknowledged"
    field = "acknowledged_at"
    names = ("no", "yes")


class NotificationInline(ReadOnlyInline):
    """What there was to tell about an alert, and what became of it."""

    model = Notification
    fields = ("event", "severity", "created_at", "deliveries")
    readonly_fields = ("deliveries",)
    show_change_link = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Notification]:
        return super().get_queryset(request).prefetch_related("deliveries__channel")

    @admin.display(description="deliveries")
    def deliveries(self, notification: Notification) -> SafeString | str:
        rows = ((row.channel, row.state, row.error) for row in notification.deliveries.all())
        return format_html_join("\n", "<div>{}: {} {}</div>", rows) or "nobody wanted to know"


class DeliveryInline(ReadOnlyInline):
    """Through which channels a notification was told."""

    model = Delivery
    fields = ("channel", "state", "attempts", "not_before", "sent_at", "error")


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
        "acknowledged_by",
    )
    list_select_related = ("acknowledged_by",)
    list_filter = (StateFilter, AcknowledgedFilter, "severity", "source")
    search_fields = ("key", "title", "body")
    date_hierarchy = "opened_at"
    actions = ("resolve", "acknowledge")
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

    @admin.action(description="Acknowledge", permissions=["resolve"])
    def acknowledge(self, request: HttpRequest, chosen: QuerySet[Alert]) -> None:
        """Note who looks after what was chosen; what is over needs nobody."""
        number = 0
        for alert in chosen.filter(resolved_at=None, acknowledged_at=None):
            try:
                sink.acknowledge(alert, by=asking(request))
            except AlertOverError:
                continue
            number += 1
        messages.success(request, f"Acknowledged {number} alerts.")


@admin.register(Notification)
class NotificationAdmin(ReadOnlyAdmin):
    """What there was to tell."""

    list_display = ("__str__", "event", "severity", "created_at")
    list_filter = ("event", "severity")
    list_select_related = ("alert",)
    date_hierarchy = "created_at"
    inlines = (DeliveryInline,)


@admin.register(Delivery)
class DeliveryAdmin(GoesAlongAdmin):
    """The outbox: what is still to be sent, and what became of the rest."""

    list_display = ("notification", "channel", "state", "attempts", "not_before", "sent_at", "error")
    list_filter = ("state", "channel")
    list_select_related = ("notification__alert", "channel")
    actions = ("try_again",)

    def has_try_again_permission(self, request: HttpRequest) -> bool:
        return has_role(asking(request), Role.OPERATOR)

    @admin.action(description="Try again what was given up", permissions=["try_again"])
    def try_again(self, request: HttpRequest, chosen: DeliveryQuerySet) -> None:
        messages.success(request, f"{delivering.try_again(chosen)} deliveries are tried again.")


# --- Channels --------------------------------------------------------------------------------
class ChannelForm(_ChannelForm):
    """A channel, whose target is written and never read."""

    new_target = forms.CharField(
        max_length=2000,
        required=False,
        widget=forms.TextInput(attrs={"size": 80, "autocomplete": "off"}),
        help_text="An e-mail address, a webhook's URL, or a topic: arn:aws:sns:… or projects/…/topics/…. "
        "Empty: it stays as it is.",
    )

    class Meta:
        model = Channel
        fields = ("name", "kind", "min_severity", "is_enabled")

    def clean(self) -> dict[str, Any]:
        """Look at the target, where it or what it is for changes."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        kind, target = cleaned.get("kind", ""), cleaned.get("new_target") or self.instance.target
        if kind and not (self.instance.pk and kind == self.instance.kind and target == self.instance.target):
            try:
                channels.check(kind, target)
            except InvalidInputError as error:
                self.add_error("new_target", str(error))
        self.instance.target = target
        return cleaned


@admin.register(Channel)
class ChannelAdmin(TakesAlongAdmin, Admin):
    """Who is told of alerts."""

    form = ChannelForm
    list_display = (
        "name",
        "kind",
        "masked_target",
        "min_severity",
        "is_enabled",
        "last_sent_at",
        "last_error",
    )
    list_filter = ("kind", "is_enabled", "min_severity")
    search_fields = ("name",)
    fields = (
        "name",
        "kind",
        "masked_target",
        "new_target",
        "min_severity",
        "is_enabled",
        "created_by",
        "created_at",
        "last_sent_at",
        "last_error",
    )
    readonly_fields = ("masked_target", "created_by", "created_at", "last_sent_at", "last_error")
    actions = ("test",)

    @admin.display(description="target")
    def masked_target(self, channel: Channel) -> str:
        return masked(channel.target) if channel.target else "-"

    def save_model(self, request: HttpRequest, obj: Channel, form: Any, change: bool) -> None:  # noqa: FBT001 - Django's
        if not change:
            obj.created_by = asking(request)
        with audit.by(asking(request)):
            super().save_model(request, obj, form, change)
        if why := channels.warning(obj.kind):
            messages.warning(request, why)

    def delete_model(self, request: HttpRequest, obj: Channel) -> None:
        with audit.by(asking(request)):
            channels.delete(obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Channel]) -> None:
        for channel in queryset:
            self.delete_model(request, channel)

    @admin.action(description="Send a test", permissions=["change"])
    def test(self, request: HttpRequest, chosen: QuerySet[Channel]) -> None:
        """Send a message through each, and tell what became of it."""
        for channel in chosen:
            outcome = channels.test(channel)
            level = messages.SUCCESS if outcome.is_delivered else messages.ERROR
            messages.add_message(request, level, f"{channel}: {outcome.error or 'delivered.'}")
