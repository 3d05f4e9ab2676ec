"""What the analytics endpoints read from a query string, and the shapes of their answers."""

from typing import Any

from rest_framework import serializers

from analytics.tag_costs import USUAL_VALUES, TagState
from collectors.models import LONGEST_KEY, LONGEST_VALUE
from core.period import LONGEST_DAYS
from core.query import AmountField, DayField, PeriodQuery

MOST_INSTANCES = 200
MOST_VALUES = 100
_FURTHEST_OFFSET = 10_000_000


class AccountField(serializers.RegexField):
    """An account's id."""

    default_error_messages = {"invalid": "An AWS account id has 12 digits."}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(r"\A[0-9]{12}\Z", required=False, trim_whitespace=False, **kwargs)


class CurrencyField(serializers.RegexField):
    """A currency's code."""

    default_error_messages = {"invalid": "A currency is three capital letters, such as USD."}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(r"\A[A-Z]{3}\Z", required=False, trim_whitespace=False, **kwargs)


class LimitField(serializers.IntegerField):
    """At most how many of something are answered."""

    def __init__(self, what: str, *, default: int) -> None:
        super().__init__(
            required=False,
            default=default,
            min_value=1,
            max_value=MOST_INSTANCES,
            help_text=(
                f"At most that many {what}. The header X-Total-Count says how many there are in all, "
                'the header Link (rel="next") where the next ones are.'
            ),
        )


class OffsetField(serializers.IntegerField):
    """From where on a list is answered."""

    def __init__(self) -> None:
        super().__init__(
            required=False, default=0, min_value=0, max_value=_FURTHEST_OFFSET, help_text="Skip so many."
        )


class EstateQuery(PeriodQuery):
    """A range of days, of one account if named."""

    account = AccountField(help_text="The 12 digits of one account; otherwise all accounts together.")


class CostQuery(EstateQuery):
    """Which costs are asked for."""

    currency = CurrencyField(
        help_text=(
            "Currencies are never added together; one is answered at a time. "
            "Without it: USD if anything is charged in it, else the most frequent one."
        )
    )


class CostTrendQuery(CostQuery):
    """Which daily costs are asked for."""

    service = serializers.CharField(
        required=False, max_length=200, trim_whitespace=False, help_text="One service, as AWS names it."
    )
    group_by = serializers.ChoiceField(
        ["service", "tag"],
        required=False,
        help_text="A row per day and service, or per day and value of `tag_key`, instead of one per day.",
    )
    tag_key = serializers.CharField(
        required=False,
        max_length=LONGEST_KEY,
        trim_whitespace=False,
        help_text="A tag, as billing files tell: needs `tag_value` or `group_by=tag`.",
    )
    tag_value = serializers.CharField(
        required=False,
        max_length=LONGEST_VALUE,
        trim_whitespace=False,
        allow_blank=True,
        help_text="What has this value of `tag_key`; empty: what has no such tag.",
    )
    values = serializers.IntegerField(
        required=False,
        min_value=1,
        max_value=MOST_VALUES,
        help_text=(
            f"With group_by=tag: how many values are told apart, those that cost most; {USUAL_VALUES} unless"
            " given. The others are one, `other`."
        ),
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Refuse a part of a question about tags. Raises: ValidationError."""
        is_grouped, has_value = attrs.get("group_by") == "tag", "tag_value" in attrs
        if (is_grouped or has_value) and "tag_key" not in attrs:
            raise serializers.ValidationError({"tag_key": ["Which tag is missing."]})
        if "tag_key" in attrs and not (is_grouped or has_value):
            raise serializers.ValidationError({"tag_key": ["A tag needs tag_value, or group_by=tag."]})
        if is_grouped and has_value:
            raise serializers.ValidationError({"tag_value": ["group_by=tag tells all values; leave it out."]})
        if "values" in attrs and not is_grouped:
            raise serializers.ValidationError({"values": ["Values are told apart with group_by=tag alone."]})
        return attrs


class CpuTrendQuery(EstateQuery):
    """Which CPU figures are asked for."""

    instance_id = serializers.CharField(required=False, max_length=40, help_text="One instance.")
    region = serializers.CharField(required=False, max_length=30, help_text="One region.")
    limit = LimitField("instances", default=100)
    offset = OffsetField()


class ComputedSerializer(serializers.Serializer[Any]):
    """What is computed each night; the last results stay where it was not, and `reason` says why."""

    computed_at = serializers.DateTimeField(
        allow_null=True, help_text="When this was computed; null before the first time."
    )
    reason = serializers.CharField(
        allow_null=True, help_text="Why there is nothing yet, or nothing newer; null if there is no reason."
    )


class _PeriodAnswer(serializers.Serializer[Any]):
    start = DayField()
    end = DayField(help_text=f"Exclusive; at most {LONGEST_DAYS} days after start.")


class _CostAnswer(_PeriodAnswer):
    currency = serializers.CharField()
    final_through = DayField(
        allow_null=True, help_text="The last day up to which nothing is estimated; null when there is none."
    )


class CostRowSerializer(serializers.Serializer[Any]):
    """One day's cost; a day that is not listed is unknown, not zero."""

    date = DayField()
    service = serializers.CharField(
        required=False, help_text="With group_by=service; empty where the bill did not tell services apart."
    )
    tag_value = serializers.CharField(
        required=False,
        allow_null=True,
        help_text="With group_by=tag; empty without such a tag, null where values are not told.",
    )
    tag_state = serializers.ChoiceField(
        [each.value for each in TagState],
        required=False,
        help_text="With group_by=tag; `unknown` is what no billing file that counts tells of by this tag.",
    )
    amount = AmountField()
    unit = serializers.CharField(help_text="The currency.")
    estimated = serializers.BooleanField(help_text="Whether AWS may still restate a part of it.")


class CostTrendSerializer(_CostAnswer):
    """Daily costs, unblended."""

    unknown_days = serializers.ListField(
        child=DayField(),
        required=False,
        help_text="With a tag: the days on which what is asked for is not fully known.",
    )
    reason = serializers.CharField(
        required=False, allow_null=True, help_text="With a tag: why days are in `unknown_days`."
    )
    data = CostRowSerializer(many=True)  # type: ignore[assignment]  # DRF takes fields out of the class


class ExtremeDaySerializer(serializers.Serializer[Any]):
    """A day and its cost."""

    date = DayField()
    amount = AmountField()


class CostSummarySerializer(_CostAnswer):
    """What a range of days cost, unblended; null is unknown."""

    total_cost = AmountField(allow_null=True)
    average_daily_cost = AmountField(allow_null=True, help_text="The total over the days stored.")
    highest_cost_day = ExtremeDaySerializer(allow_null=True, help_text="Among final days.")
    lowest_cost_day = ExtremeDaySerializer(allow_null=True, help_text="Among final days.")
    days_stored = serializers.IntegerField()


class CpuDaySerializer(serializers.Serializer[Any]):
    """One instance's CPU load on one day, in percent."""

    date = DayField()
    average_cpu = serializers.FloatField()
    maximum_cpu = serializers.FloatField()
    coverage = serializers.FloatField(help_text="Share of the day's hours in which the instance reported.")


class CpuSeriesSerializer(serializers.Serializer[Any]):
    """One instance's days; a day that is not listed is unknown, not idle."""

    instance_id = serializers.CharField()
    account = serializers.CharField()
    region = serializers.CharField()
    data = CpuDaySerializer(many=True)  # type: ignore[assignment]  # DRF takes fields out of the class


class CpuTrendSerializer(_PeriodAnswer):
    """Daily CPU load of instances."""

    final_through = DayField(
        allow_null=True, help_text="The last day whose figures are complete; null when none is stored."
    )
    instances = CpuSeriesSerializer(many=True)
