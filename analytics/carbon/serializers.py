"""What the endpoints on carbon read from a query string, and the shapes of their answers."""

from typing import Any

from rest_framework import serializers

from analytics.serializers import AccountField, ComputedSerializer, LimitField, OffsetField
from core.query import DayField, Query


class CarbonQuery(Query):
    """Which instances are shown; what is added up is the whole estate, whatever is chosen."""

    account = AccountField(help_text="Instances of one account, by its 12 digits.")
    region = serializers.CharField(required=False, max_length=30, help_text="Instances of one region.")
    instance_id = serializers.CharField(required=False, max_length=40, help_text="One instance.")
    limit = LimitField("instances", default=100)
    offset = OffsetField()


class RangeSerializer(serializers.Serializer[Any]):
    """Somewhere from `low` to `high`."""

    low = serializers.FloatField()
    high = serializers.FloatField()


class CoveredSerializer(serializers.Serializer[Any]):
    """Of which part of the resources, and of their hours, a sum is."""

    resources = serializers.IntegerField()
    estimated = serializers.IntegerField(help_text="Of how many of them the figure is known.")
    share = serializers.FloatField(allow_null=True, help_text="0 to 1; null where there are none.")
    hours = serializers.FloatField(help_text="As far as they are known.")
    estimated_hours = serializers.FloatField()
    share_of_hours = serializers.FloatField(allow_null=True)


class CarbonCoverageSerializer(serializers.Serializer[Any]):
    """The coverage of both figures."""

    operational = CoveredSerializer()
    embodied = CoveredSerializer()


class ReasonSerializer(serializers.Serializer[Any]):
    """Why a figure is not known, and of how many resources."""

    reason = serializers.CharField()
    resources = serializers.IntegerField(allow_null=True, help_text="Null: they are not known.")


class TotalsSerializer(serializers.Serializer[Any]):
    """Sums in kgCO2e of all that could be estimated; null where nothing could."""

    operational_kg = RangeSerializer(allow_null=True, help_text="By running.")
    embodied_kg = RangeSerializer(allow_null=True, help_text="The share of making the servers.")
    coverage = CarbonCoverageSerializer()
    reasons = ReasonSerializer(many=True, help_text="Why the rest could not be estimated.")


class AccountTotalsSerializer(TotalsSerializer):
    """The sums of an account."""

    account = serializers.CharField()


class ServiceTotalsSerializer(TotalsSerializer):
    """The sums of a service: EC2, EBS, or another by its name in the bill, of which nothing is known."""

    service = serializers.CharField()
    coverage = CarbonCoverageSerializer(allow_null=True, help_text="Null: its resources are not known.")


class HintSerializer(serializers.Serializer[Any]):
    """What the same hours in another region would have saved."""

    region = serializers.CharField()
    usd = serializers.FloatField()
    operational_kg = RangeSerializer()
    is_near = serializers.BooleanField(help_text="Whether it is in the same part of the world.")


class MoveSerializer(serializers.Serializer[Any]):
    """What moving all instances of a region for which it is cheaper and cleaner would have saved."""

    from_region = serializers.CharField()
    to_region = serializers.CharField()
    is_near = serializers.BooleanField(help_text="Whether it is in the same part of the world.")
    instances = serializers.IntegerField()
    usd = serializers.FloatField()
    operational_kg = RangeSerializer()


class InstanceFootprintSerializer(serializers.Serializer[Any]):
    """What an instance caused, in kgCO2e; null is unknown, and `reasons` say why."""

    instance_id = serializers.CharField()
    name = serializers.CharField()
    account = serializers.CharField()
    region = serializers.CharField()
    instance_type = serializers.CharField()
    hours = serializers.FloatField(allow_null=True, help_text="That it is known to have run.")
    unknown_hours = serializers.FloatField(help_text="Of which it is not known whether it ran.")
    cpu_percent = serializers.FloatField(allow_null=True, help_text="The mean of the measured hours.")
    measured_share = serializers.FloatField(help_text="Of the hours in which CPU was measured, 0 to 1.")
    energy_kwh = RangeSerializer(allow_null=True, help_text="At the data centre's meter.")
    operational_kg = RangeSerializer(allow_null=True)
    embodied_kg = RangeSerializer(allow_null=True)
    assumptions = serializers.ListField(
        child=serializers.CharField(), help_text="What the ranges allow for because it was not known."
    )
    reasons = serializers.ListField(child=serializers.CharField())
    hints = HintSerializer(many=True, help_text="Cheaper and cleaner regions, the best first.")
    no_hint = serializers.CharField(allow_null=True, help_text="Why no region is named; null if any is.")


class CarbonSerializer(ComputedSerializer, TotalsSerializer):
    """What the estate emitted over some days, in kgCO2e, by the Cloud Carbon Footprint method."""

    start = DayField(allow_null=True, help_text="Null, with all figures, before the first computation.")
    end = DayField(allow_null=True, help_text="Exclusive.")
    coefficients_as_of = DayField(allow_null=True, help_text="When the method's figures were put together.")
    price_dates = serializers.DictField(
        child=DayField(), help_text="Of which day the prices are that hints compare, by region."
    )
    coverage = CarbonCoverageSerializer(allow_null=True)
    accounts = AccountTotalsSerializer(many=True)
    services = ServiceTotalsSerializer(many=True)
    hints = MoveSerializer(many=True)
    instances = InstanceFootprintSerializer(many=True, help_text="Those that caused most first.")


class ScorePartSerializer(serializers.Serializer[Any]):
    """A part of the score, 0 to 100; null, with the reason, where too little is known."""

    name = serializers.CharField()
    weight = serializers.FloatField()
    score = serializers.FloatField(allow_null=True)
    reason = serializers.CharField(allow_null=True)


class ScoreDaySerializer(serializers.Serializer[Any]):
    """The score up to a day."""

    date = DayField()
    score = serializers.FloatField(allow_null=True)


class SustainabilitySerializer(ComputedSerializer):
    """How sustainably the estate ran, 0 to 100: the mean of the known parts by their weights."""

    date = DayField(allow_null=True, help_text="The last day that it is about.")
    score = serializers.FloatField(allow_null=True)
    known_weight = serializers.FloatField(allow_null=True, help_text="Of the parts that are known.")
    parts = ScorePartSerializer(many=True)
    history = ScoreDaySerializer(many=True, help_text="The scores of up to 90 days, the earliest first.")
