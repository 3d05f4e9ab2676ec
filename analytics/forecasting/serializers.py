"""What the endpoint on forecasts reads from a query string, and the shapes of its answers."""

from typing import Any

from rest_framework import serializers

from analytics.models import Metric
from analytics.serializers import AccountField, ComputedSerializer, CurrencyField, LimitField, OffsetField
from core.query import AmountField, DayField, Query

COST, LOAD = "cost", "load"
USUAL_FORECASTS = 20
"""Each has dozens of values."""


class ForecastQuery(Query):
    """Of what forecasts are asked for."""

    kind = serializers.ChoiceField(
        [COST, LOAD],
        required=False,
        help_text="Costs by day or load by hour. Without it: load where an instance is named, else costs.",
    )
    account = AccountField(help_text="The 12 digits of one account.")
    service = serializers.CharField(
        required=False,
        max_length=200,
        trim_whitespace=False,
        help_text="Of costs: one service, as AWS names it.",
    )
    currency = CurrencyField(
        help_text="Of costs: without it USD if anything is charged in it, else the one that most is."
    )
    instance_id = serializers.CharField(required=False, max_length=40, help_text="Of load: one instance.")
    region = serializers.CharField(required=False, max_length=30, help_text="Of load: one region.")
    metric = serializers.ChoiceField(
        Metric.values, required=False, help_text="Of load: one metric; without it, all that are measured."
    )
    limit = LimitField("forecasts", default=USUAL_FORECASTS)
    offset = OffsetField()

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Settle the kind. Raises: ValidationError for what only the other kind has."""
        attrs.setdefault("kind", LOAD if "instance_id" in attrs else COST)
        for name in _OF_ONE_KIND[COST if attrs["kind"] == LOAD else LOAD]:
            if name in attrs:
                raise serializers.ValidationError(
                    {name: [f"There is no such thing with kind={attrs['kind']}."]}
                )
        return attrs


_OF_ONE_KIND = {COST: ("service", "currency"), LOAD: ("instance_id", "region", "metric")}


class TestedSerializer(serializers.Serializer[Any]):
    """How something was forecast, and how such forecasts did on the same series before.

    Null, with the reason, where nothing is forecast.
    """

    method = serializers.CharField(allow_null=True)
    coverage = serializers.FloatField(allow_null=True, help_text="What share of values ranges shall hold.")
    measured = serializers.FloatField(
        allow_null=True, help_text="What share of values such ranges held in the backtest."
    )
    origins = serializers.IntegerField(
        allow_null=True, help_text="From how many moments in the past it was tried."
    )
    reason = serializers.CharField(allow_null=True, help_text="Why nothing is forecast; null where it is.")


class ErringSerializer(serializers.Serializer[Any]):
    """How far the backtest's forecasts were off."""

    mase = serializers.FloatField(
        allow_null=True,
        help_text="Mean error, as a multiple of the mean move from a day or week to the next; null if none.",
    )
    smape = serializers.FloatField(allow_null=True, help_text="In percent.")


class MonthEndSerializer(TestedSerializer):
    """What a month will have cost, in a range."""

    month = DayField(help_text="Its first day.")
    expected = AmountField(allow_null=True)
    low = AmountField(allow_null=True)
    high = AmountField(allow_null=True)
    actual = AmountField(help_text="What its final days cost.")
    days_filled = serializers.IntegerField(
        allow_null=True, help_text="Unknown days that were taken as a week before."
    )
    days_ahead = serializers.IntegerField(allow_null=True, help_text="Days that are forecast.")


class CostDayForecastSerializer(serializers.Serializer[Any]):
    """What a day will cost, in a range."""

    date = DayField()
    expected = AmountField()
    low = AmountField()
    high = AmountField()


class CostForecastSerializer(TestedSerializer, ErringSerializer):
    """What an account and a service will cost, or, where they are null, all of them."""

    account = serializers.CharField(allow_null=True)
    service = serializers.CharField(allow_null=True)
    final_through = DayField(allow_null=True, help_text="The last day that it was made from.")
    note = serializers.CharField(allow_null=True, help_text="What is not in it.")
    month_end = MonthEndSerializer()
    data = CostDayForecastSerializer(many=True)  # type: ignore[assignment]  # DRF takes fields out of the class


class CostForecastsSerializer(ComputedSerializer):
    """Forecasts of costs, unblended: those of what was asked for, then of what it consists of."""

    kind = serializers.ChoiceField([COST])
    currency = serializers.CharField()
    month_end = MonthEndSerializer(
        allow_null=True, help_text="Of what was asked for; null where no such costs were forecast."
    )
    forecasts = CostForecastSerializer(many=True)


class HourForecastSerializer(serializers.Serializer[Any]):
    """What will be measured in an hour on average, in a range."""

    timestamp = serializers.DateTimeField(help_text="Where the hour begins.")
    expected = serializers.FloatField()
    low = serializers.FloatField()
    high = serializers.FloatField()


class LoadForecastSerializer(TestedSerializer, ErringSerializer):
    """What an instance will measure; percent for CPU and memory, bytes a sample for the network."""

    instance_id = serializers.CharField()
    account = serializers.CharField()
    region = serializers.CharField()
    metric = serializers.ChoiceField(Metric.values)
    data = HourForecastSerializer(many=True)  # type: ignore[assignment]  # DRF takes fields out of the class


class LoadForecastsSerializer(ComputedSerializer):
    """Forecasts of instances' load, the busiest instances first."""

    kind = serializers.ChoiceField([LOAD])
    forecasts = LoadForecastSerializer(many=True)
