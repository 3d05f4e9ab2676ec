"""The shape in which alerts and channels are shown."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from alerts.masking import masked
from alerts.models import Alert, Channel, Delivery, Event, State
from alerts.services import channels
from core.body import StrictSerializer
from core.errors import InvalidInputError


class AlertSerializer(serializers.ModelSerializer[Alert]):
    """A trouble, how often it was seen, who looks after it, and whether it is over."""

    state = serializers.ChoiceField(State.choices)
    acknowledged_by = serializers.EmailField(source="acknowledged_by.email", default=None, allow_null=True)

    class Meta:
        model = Alert
        fields: tuple[str, ...] = (
            "id",
            "key",
            "state",
            "severity",
            "title",
            "body",
            "source",
            "count",
            "opened_at",
            "updated_at",
            "resolved_at",
            "acknowledged_at",
            "acknowledged_by",
            "note",
        )
        read_only_fields = fields


class DeliverySerializer(serializers.ModelSerializer[Delivery]):
    """What became of one thing that was to be told through one channel."""

    channel = serializers.CharField(source="channel.name")
    event = serializers.ChoiceField(Event.choices, source="notification.event")

    class Meta:
        model = Delivery
        fields = ("id", "channel", "event", "state", "attempts", "sent_at", "error")
        read_only_fields = fields


class AlertDetailSerializer(AlertSerializer):
    """An alert with what was told of it."""

    deliveries = serializers.SerializerMethodField()

    class Meta(AlertSerializer.Meta):
        fields = (*AlertSerializer.Meta.fields, "deliveries")
        read_only_fields = fields

    @extend_schema_field(DeliverySerializer(many=True))
    def get_deliveries(self, alert: Alert) -> list[dict[str, Any]]:
        """Return them, the latest first."""
        rows = Delivery.objects.filter(notification__alert=alert).select_related("channel", "notification")
        return list(DeliverySerializer(rows, many=True).data)


class AcknowledgementSerializer(StrictSerializer):
    """What who looks after an alert has to say."""

    note = serializers.CharField(max_length=1000, required=False, allow_blank=True, default="")


class ChannelSerializer(StrictSerializer, serializers.ModelSerializer[Channel]):
    """Who is told of alerts. The target is shown in part, and can only be replaced."""

    target = serializers.CharField(max_length=2000)
    warning = serializers.SerializerMethodField(
        help_text="Why nothing can be sent through it at the moment; empty if no reason is known."
    )
    created_by = serializers.EmailField(
        source="created_by.email", default=None, allow_null=True, read_only=True
    )

    class Meta:
        model = Channel
        fields = (
            "id",
            "name",
            "kind",
            "target",
            "min_severity",
            "is_enabled",
            "created_by",
            "created_at",
            "last_sent_at",
            "last_error",
            "warning",
        )
        read_only_fields = ("id", "created_by", "created_at", "last_sent_at", "last_error")

    def validate(self, given: dict[str, Any]) -> dict[str, Any]:
        """Look at the target, where it or what it is for changes. Raises: ValidationError."""
        if given.keys().isdisjoint({"kind", "target"}):
            return given
        kind, target = (given.get(name, getattr(self.instance, name, "")) for name in ("kind", "target"))
        try:
            channels.check(kind, target)
        except InvalidInputError as error:
            raise serializers.ValidationError({"target": [str(error)]}) from error
        return given

    def get_warning(self, channel: Channel) -> str:
        """Look at the settings, nowhere else."""
        return channels.warning(channel.kind)

    def to_representation(self, channel: Channel) -> dict[str, Any]:
        return {**super().to_representation(channel), "target": masked(channel.target)}


class TestedSerializer(serializers.Serializer[Any]):
    """Whether a message arrived, as far as its receiver's server tells."""

    delivered = serializers.BooleanField()
    error = serializers.CharField(allow_blank=True)
