"""The shapes in which samples are asked for and shown."""

from typing import Any

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from core.query import PeriodQuery

RAW, HOUR, DAY = "raw", "hour", "day"


class SamplesQuery(PeriodQuery):
    """Whose samples, of which days, and how fine."""

    instance_id = serializers.CharField(max_length=40)
    account = serializers.CharField(
        required=False, max_length=12, help_text="The 12 digits, where accounts share an id."
    )
    resolution = serializers.ChoiceField(
        choices=(RAW, HOUR, DAY),
        default=HOUR,
        help_text="raw: every sample (7 days at most); hour (62 days at most); day (731 days at most).",
    )


class FleetQuery(PeriodQuery):
    """Which days, and which part of the estate."""

    account = serializers.CharField(required=False, max_length=12, help_text="The 12 digits.")
    region = serializers.CharField(required=False, max_length=30)


class FiguresSerializer(serializers.Serializer[Any]):
    """One metric over a span of time."""

    average = serializers.FloatField()
    minimum = serializers.FloatField()
    maximum = serializers.FloatField()
    p95 = serializers.FloatField(
        help_text="The 95th percentile, by a histogram: within 0.5 points for percents, 9.1 % for bytes."
    )
    samples = serializers.IntegerField()


class RawPointSerializer(serializers.Serializer[Any]):
    """A sample; null is unknown. CPU and memory are percents, the network is in bytes a sample."""

    timestamp = serializers.DateTimeField(help_text="Where the sample's period begins.")
    cpu = serializers.FloatField(allow_null=True)
    memory = serializers.FloatField(allow_null=True)
    network_in = serializers.FloatField(allow_null=True)
    network_out = serializers.FloatField(allow_null=True)


class PointSerializer(serializers.Serializer[Any]):
    """An hour or a day; null is unknown. CPU and memory are percents, the network is in bytes a sample."""

    timestamp = serializers.DateTimeField(help_text="Where the hour or the day begins.")
    cpu = FiguresSerializer(allow_null=True)
    memory = FiguresSerializer(allow_null=True)
    network_in = FiguresSerializer(allow_null=True)
    network_out = FiguresSerializer(allow_null=True)


class _SeriesSerializer(serializers.Serializer[Any]):
    instance_id = serializers.CharField()
    account = serializers.CharField()
    region = serializers.CharField()
    start = serializers.DateField()
    end = serializers.DateField(help_text="Exclusive.")


class RawSamplesSerializer(_SeriesSerializer):
    """What one instance measured, sample by sample."""

    resolution = serializers.ChoiceField(choices=(RAW,))
    data = RawPointSerializer(many=True)  # type: ignore[assignment]  # DRF takes fields out of the class


class RolledSamplesSerializer(_SeriesSerializer):
    """What one instance measured, by the hour or the day."""

    resolution = serializers.ChoiceField(choices=(HOUR, DAY))
    data = PointSerializer(many=True)  # type: ignore[assignment]  # DRF takes fields out of the class


class FleetDaySerializer(serializers.Serializer[Any]):
    """One day of the fleet."""

    date = serializers.DateField()
    average_cpu = serializers.FloatField(help_text="Over all samples of all instances, in percent.")
    instances = serializers.IntegerField(help_text="How many instances were measured.")
    samples = serializers.IntegerField()


# One object with the days in it, though the view's action is called `list`.
@extend_schema_serializer(many=False)
class FleetCpuSerializer(serializers.Serializer[Any]):
    """The fleet's CPU load by day."""

    start = serializers.DateField()
    end = serializers.DateField(help_text="Exclusive.")
    data = FleetDaySerializer(many=True)  # type: ignore[assignment]  # DRF takes fields out of the class
