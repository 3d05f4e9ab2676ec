"""The shapes of starting, stopping and looking at the automation."""

from typing import Any

from rest_framework import serializers

from dbops.serializers.observing import ObservedHealthSerializer
from dbops.serializers.scaling import PoolEventSerializer, ThresholdsSerializer


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


class AutomationStatusSerializer(serializers.Serializer[Any]):
    """What the automation does, and how the database is."""

    running = serializers.BooleanField(help_text="Whether all of its schedules are enabled.")
    schedules = RhythmSerializer(many=True)
    pool = PoolStatusSerializer()
    thresholds = ThresholdsSerializer()
    health = ObservedHealthSerializer()
    last_event = PoolEventSerializer(allow_null=True, help_text="The last decision about the pool's size.")
