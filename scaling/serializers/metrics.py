"""The shapes in which metrics and decisions are shown."""

import uuid
from datetime import datetime
from typing import Any

from rest_framework import serializers

from core.moments import MomentField, written
from core.query import Query
from scaling.columns import METRICS
from scaling.fields import BytesField, LimitField, whole
from scaling.models import Direction, ManagedInstance, ManagedSample, ScalingDecision, Source
from scaling.serializers.control import ScalingEventSerializer


# --- Metrics ---------------------------------------------------------------------------------
class LimitQuery(Query):
    """How many rows to answer with."""

    limit = LimitField(default=50)


class MetricsQuery(Query):
    """How many metrics to answer with, and how much of each."""

    limit = LimitField(default=100)
    sources = serializers.BooleanField(default=False, help_text="true: also where each comes from.")


def sample_id(instance: ManagedInstance, moment: datetime) -> uuid.UUID:
    """Return the id of the instance's sample of that moment: derived, so that it need not be stored."""
    return uuid.uuid5(instance.uuid, written(moment))


def outlier_type(outlier: int) -> str | None:
    """Name the flags of a sample, such as "cpu_high" or "cpu_high, memory_low"; None without any."""
    sides = [f"{metric}_{side}" for metric in METRICS for side in ("high", "low")]
    return ", ".join(side for bit, side in enumerate(sides) if outlier >> bit & 1) or None


def shown_sample(instance: ManagedInstance, sample: ManagedSample) -> dict[str, Any]:
    """Return a sample in the shape of MetricSerializer; a thousand of them take no time."""
    return {
        "id": sample_id(instance, sample.timestamp),
        "timestamp": written(sample.timestamp),
        "cpu_utilization": sample.cpu,
        "memory_usage": sample.memory,
        "network_in": whole(sample.network_in),
        "network_out": whole(sample.network_out),
        "is_outlier": sample.outlier != 0,
        "outlier_type": outlier_type(sample.outlier),
    }


class MeasuredSerializer(serializers.Serializer[Any]):
    """What is measured of an instance at one moment."""

    cpu_utilization = serializers.FloatField(allow_null=True, help_text="Percent; null is unknown.")
    memory_usage = serializers.FloatField(allow_null=True, help_text="Percent; null is unknown.")
    network_in = BytesField(allow_null=True, help_text="Bytes; null is unknown.")
    network_out = BytesField(allow_null=True, help_text="Bytes; null is unknown.")


class StampedSerializer(serializers.Serializer[Any]):
    """What has its own id and its moment, which come first."""

    id = serializers.UUIDField()
    timestamp = MomentField()


class MetricSerializer(StampedSerializer, MeasuredSerializer):
    """What was measured in the period that begins at a moment."""

    is_outlier = serializers.BooleanField(help_text="Far from what was measured in the minutes before.")
    outlier_type = serializers.CharField(allow_null=True, help_text='Such as "cpu_high, network_in_low".')
    source = serializers.ChoiceField(  # type: ignore[assignment]  # DRF takes fields out of the class
        Source.labels, required=False, help_text="With sources=true alone."
    )


class MetricListSerializer(serializers.Serializer[Any]):
    """The newest metrics of an instance, the newest first."""

    instance_id = serializers.CharField()
    metrics = MetricSerializer(many=True)


# --- Decisions -------------------------------------------------------------------------------
class DecisionSerializer(StampedSerializer, MeasuredSerializer):
    """What was decided at one moment by what had been measured then, and why."""

    decision = serializers.ChoiceField(Direction.choices)
    reason = serializers.CharField()


class DecisionListSerializer(serializers.Serializer[Any]):
    """The newest decisions about an instance, the newest first."""

    instance_id = serializers.CharField()
    decisions = DecisionSerializer(many=True)


class DecisionEventSerializer(ScalingEventSerializer):
    """What was done about one decision."""

    at = MomentField()

    class Meta(ScalingEventSerializer.Meta):
        fields = ("at", "kind", "user", "detail")
        read_only_fields = fields


class ExplainedDecisionSerializer(DecisionSerializer, serializers.ModelSerializer[ScalingDecision]):
    """A decision with all that is stored of it: by what it was made, and what became of it."""

    instance_id = serializers.CharField(source="instance.instance_id")
    slot = MomentField(help_text="The tick that decided.")
    simulated = serializers.BooleanField(help_text="Simulated samples had a part in it.")
    vetoes = serializers.JSONField(help_text="What the guard held against the rule's wish.")
    inputs = serializers.JSONField(help_text="The window's samples and statistics, votes, policy.")
    target = serializers.JSONField(help_text="What the cloud is asked for.")
    outcome_at = MomentField(allow_null=True)
    events = DecisionEventSerializer(many=True, help_text="The audit trail of it, in order.")

    class Meta:
        model = ScalingDecision
        fields = (
            "id",
            "instance_id",
            "timestamp",
            "slot",
            "cpu_utilization",
            "memory_usage",
            "network_in",
            "network_out",
            "decision",
            "rule",
            "reason",
            "inputs",
            "policy_version",
            "mode",
            "simulated",
            "vetoes",
            "level_before",
            "level_after",
            "probability",
            "units_before",
            "units_wanted",
            "target",
            "outcome",
            "outcome_at",
            "outcome_detail",
            "events",
        )
        read_only_fields = fields
