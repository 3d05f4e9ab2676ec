"""The shapes in which loads to simulate are taken and shown."""

from datetime import timedelta
from typing import Any

from rest_framework import serializers

from accounts.serializers import CompleteSerializer, TextField
from core.moments import MomentField
from scaling.fields import NumberField, WholeNumberField
from scaling.serializers.metrics import MeasuredSerializer
from scaling.services.simulation import Load, Span
from scaling.words import counted

_MOST_BYTES = 10**15
_MOST_POINTS = 1_000
_MOST_MINUTES = 1_440
_USUAL_INTERVAL_S = 30


class SimulationSerializer(CompleteSerializer):
    """A load to simulate: now, or for the minutes until now."""

    missing = "instance_id and cpu_utilization are required"
    instance_id = TextField(max_length=64, trim_whitespace=False)
    cpu_utilization = NumberField(min_value=0, max_value=100)
    memory_usage = NumberField(min_value=0, max_value=100, required=False, allow_null=True)
    network_in = NumberField(min_value=0, max_value=_MOST_BYTES, required=False, allow_null=True)
    network_out = NumberField(min_value=0, max_value=_MOST_BYTES, required=False, allow_null=True)
    duration_minutes = WholeNumberField(min_value=1, max_value=_MOST_MINUTES, required=False)
    interval_seconds = WholeNumberField(
        min_value=1,
        max_value=60 * _MOST_MINUTES,
        required=False,
        help_text="30 if not given.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Make a load, and where it lasts, a span of it. Raises: ValidationError."""
        return {
            "instance_id": attrs["instance_id"],
            "load": Load(
                cpu=attrs["cpu_utilization"],
                memory=attrs.get("memory_usage"),
                network_in=attrs.get("network_in"),
                network_out=attrs.get("network_out"),
            ),
            "span": _span(attrs),
        }


def _span(attrs: dict[str, Any]) -> Span | None:
    if "duration_minutes" not in attrs:
        if "interval_seconds" in attrs:
            raise serializers.ValidationError({"interval_seconds": "This needs duration_minutes beside it."})
        return None
    interval_s = attrs.get("interval_seconds", _USUAL_INTERVAL_S)
    span = Span(timedelta(minutes=attrs["duration_minutes"]), timedelta(seconds=interval_s))
    if not 1 <= span.points <= _MOST_POINTS:
        raise serializers.ValidationError(
            {
                "interval_seconds": f"{counted(attrs['duration_minutes'], 'minute')} at one metric each "
                f"{counted(interval_s, 'second')} would make {counted(span.points, 'metric')}; "
                f"1 to {_MOST_POINTS:,} can be made at once."
            }
        )
    return span


class SimulatedMetricSerializer(MeasuredSerializer):
    """The one metric of a load that does not last."""

    id = serializers.UUIDField()
    instance_id = serializers.CharField()
    timestamp = MomentField()


class SimulatedSerializer(serializers.Serializer[Any]):
    """The answer to a load that does not last."""

    message = serializers.CharField()
    metric = SimulatedMetricSerializer()


class ProlongedSerializer(serializers.Serializer[Any]):
    """The answer to a load that lasts."""

    message = serializers.CharField()
    metrics_created = serializers.IntegerField()
    duration_minutes = serializers.IntegerField()
    interval_seconds = serializers.IntegerField()
