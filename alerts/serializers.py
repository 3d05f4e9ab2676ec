"""The shape in which alerts are shown."""

from rest_framework import serializers

from alerts.models import Alert, State


class AlertSerializer(serializers.ModelSerializer[Alert]):
    """A trouble, how often it was seen, and whether it is over."""

    state = serializers.ChoiceField(State.choices)

    class Meta:
        model = Alert
        fields = (
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
        )
        read_only_fields = fields
