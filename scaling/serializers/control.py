"""The shapes of the kill switch and of the audit trail."""

from rest_framework import serializers

from accounts.serializers import CompleteSerializer, TextField
from core.body import StrictSerializer, YesNoField
from scaling.models import KillSwitch, ScalingEvent


class ScalingEventSerializer(serializers.ModelSerializer[ScalingEvent]):
    """One line of the audit trail."""

    user = serializers.CharField(source="user.email", default=None, allow_null=True, help_text="An e-mail.")
    decision = serializers.UUIDField(source="decision_id", allow_null=True)

    class Meta:
        model = ScalingEvent
        fields: tuple[str, ...] = ("id", "at", "kind", "instance_id", "decision", "user", "detail")
        read_only_fields: tuple[str, ...] = fields


class KillSwitchSerializer(serializers.ModelSerializer[KillSwitch]):
    """Whether scaling is stopped, since when, by whom and why."""

    changed_at = serializers.DateTimeField(allow_null=True, help_text="null: nobody ever touched it.")
    changed_by = serializers.CharField(source="changed_by.email", default=None, allow_null=True)

    class Meta:
        model = KillSwitch
        fields = ("engaged", "reason", "changed_at", "changed_by")
        read_only_fields = fields


class KillSwitchChangeSerializer(StrictSerializer, CompleteSerializer):
    """What the switch shall be, and why."""

    missing = "engaged is required"
    engaged = YesNoField()
    reason = TextField(max_length=200, allow_blank=True, default="")
