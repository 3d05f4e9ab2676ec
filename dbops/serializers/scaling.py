"""The shapes of what is decided about the pool, and what was done."""

from typing import Any

from rest_framework import serializers

from core.query import Query
from dbops.models import PoolEvent
from dbops.sizing import Decision, Evaluation

MOST_EVENTS = 1000


class ThresholdsSerializer(serializers.Serializer[Any]):
    """At what utilisation the pool grows, shrinks, and grows to its maximum at once (0 to 1)."""

    scale_up_threshold = serializers.FloatField(source="scale_up")
    scale_down_threshold = serializers.FloatField(source="scale_down")
    critical_threshold = serializers.FloatField(source="critical")


class EvaluationSerializer(serializers.Serializer[Evaluation]):
    """A decision, with the figures that it was made from."""

    decision = serializers.ChoiceField(choices=[(each.value, each.name) for each in Decision])
    reason = serializers.CharField()
    current_pool_size = serializers.IntegerField()
    recommended_pool_size = serializers.IntegerField()
    utilization = serializers.FloatField(help_text="Busy share of the pool, 0 to 1; 1 while clients wait.")
    thresholds = ThresholdsSerializer()
    applied = serializers.BooleanField(help_text="Whether the pool was given another size.")


class PoolEventSerializer(serializers.ModelSerializer[PoolEvent]):
    """A decision to change the pool's size; the reason says why one was not applied."""

    class Meta:
        model = PoolEvent
        fields: tuple[str, ...] = (
            "id",
            "timestamp",
            "action",
            "from_size",
            "to_size",
            "reason",
            "trigger",
            "applied",
        )
        read_only_fields: tuple[str, ...] = fields


class HistorySerializer(serializers.Serializer[Any]):
    """The decisions, the latest first."""

    events = PoolEventSerializer(many=True)


class HistoryQuery(Query):
    """How much of the history is wanted."""

    limit = serializers.IntegerField(
        min_value=1, max_value=MOST_EVENTS, default=100, help_text="How many events, the latest first."
    )
