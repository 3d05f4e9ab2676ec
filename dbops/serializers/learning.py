"""The shapes of what was learned of the load, and of what is predicted."""

from typing import Any

from rest_framework import serializers


class UsualSerializer(serializers.Serializer[Any]):
    """What is usual at an hour of the day."""

    avg_utilization = serializers.FloatField(help_text="Newer hours weigh more; 0 to 1.")
    peak_utilization = serializers.FloatField(help_text="The highest of eight weeks, 0 to 1.")
    samples = serializers.IntegerField(help_text="Hours that it was learned from.")


class CellSerializer(UsualSerializer):
    """What is usual at an hour of the week."""

    weekday = serializers.IntegerField(help_text="0 is Monday.")
    hour = serializers.IntegerField(help_text="UTC.")
    avg_demand = serializers.FloatField(help_text="Connections.")
    peak_demand = serializers.FloatField(help_text="Connections.")


class PeakPeriodSerializer(serializers.Serializer[Any]):
    """An hour of the day at twice the baseline and more."""

    hour = serializers.IntegerField(help_text="UTC.")
    avg_utilization = serializers.FloatField()
    severity = serializers.ChoiceField(
        choices=["high", "medium", "low"],
        help_text="high: 60 % on average or a peak of 95 %; medium: 40 % or 80 %.",
    )


class PatternsSerializer(serializers.Serializer[Any]):
    """What was learned; null, with the reason, until there is enough."""

    hourly_patterns = serializers.DictField(
        source="hourly", child=UsualSerializer(), allow_null=True, help_text="By the hour of the day, UTC."
    )
    peak_periods = PeakPeriodSerializer(many=True, allow_null=True)
    baseline_load = serializers.FloatField(
        allow_null=True, help_text="The utilisation that a quarter of the hours stay below, 0 to 1."
    )
    weekly_patterns = CellSerializer(source="weekly", many=True, allow_null=True)
    reason = serializers.CharField()


class NextHourSerializer(serializers.Serializer[Any]):
    """What the next hour is expected to ask for, in connections."""

    hour = serializers.DateTimeField()
    predicted_utilization = serializers.FloatField(
        allow_null=True, help_text="Of the pool as it is; above 1 where that is too small."
    )
    predicted_demand = serializers.FloatField(allow_null=True, help_text="The expected peak.")
    low = serializers.FloatField(allow_null=True)
    high = serializers.FloatField(allow_null=True)
    confidence = serializers.FloatField(
        allow_null=True, help_text="Share of earlier predictions whose range held the peak, 0 to 1."
    )
    recommended_pool_size = serializers.IntegerField(allow_null=True)


class PreScalingSerializer(serializers.Serializer[Any]):
    """What would be done about it."""

    type = serializers.ChoiceField(choices=["pre_scale_up"])
    reason = serializers.CharField()
    recommended_pool_size = serializers.IntegerField()


class PredictionSerializer(serializers.Serializer[Any]):
    """A prediction; null, with the reason, while there is nothing to predict from."""

    next_hour = NextHourSerializer()
    pre_scaling_actions = PreScalingSerializer(many=True)
    reason = serializers.CharField()
