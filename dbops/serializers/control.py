"""The shapes of starting, stopping and looking at the automation."""

from typing import Any

from rest_framework import serializers


class SwitchedSerializer(serializers.Serializer[Any]):
    """Whether the automation runs, and whether that is new."""

    running = serializers.BooleanField()
    changed = serializers.BooleanField()


class RhythmSerializer(serializers.Serializer[Any]):
    """One schedule of the automation."""

    name = serializers.CharField()
    enabled = serializers.BooleanField()
    last_run = serializers.DateTimeField(allow_null=True, help_text="null: never yet.")
    next_run = serializers.DateTimeField(allow_null=True, help_text="null: disabled.")


class PoolStatusSerializer(serializers.Serializer[Any]):
    """The pool now; null, with the reason, where it does not answer."""

    backend = serializers.CharField()
    size = serializers.IntegerField(allow_null=True)
    utilization = serializers.FloatField(allow_null=True, help_text="Busy share of the pool, 0 to 1.")
    waiting = serializers.FloatField(allow_null=True, help_text="Clients that wait for a connection.")
    reason = serializers.CharField(required=False, help_text="Why it is not known, or cannot be resized.")


class ThresholdsSerializer(serializers.Serializer[Any]):
    """At which shares of the pool it grows, shrinks, and grows to its maximum at once."""

    scale_up_threshold = serializers.FloatField(source="scale_up")
    scale_down_threshold = serializers.FloatField(source="scale_down")
    critical_threshold = serializers.FloatField(source="critical")
