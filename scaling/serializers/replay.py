"""What a replay is asked by, and the shape of its answer."""

from datetime import UTC, datetime, timedelta
from typing import Any

from rest_framework import serializers

from analytics.serializers import ComputedSerializer
from collectors.samples.partitions import midnight
from core.query import AmountField, DayField, Query
from scaling.capacity import FIRST_LEVEL, LAST_LEVEL
from scaling.fields import FiniteField
from scaling.models import LEAST_WORTH, MOST_WORTH, ScalingDecision
from scaling.services.replaying import (
    MOST_DAYS,
    MOST_TOLD,
    PARAMETERS,
    PREDICTIVE,
    USUAL_DAYS,
    USUAL_TARGET,
    Question,
    Replay,
)

_COOLDOWN: dict[str, Any] = {"min_value": 0, "max_value": 86_400, "required": False}
_LEVEL: dict[str, Any] = {"min_value": FIRST_LEVEL, "max_value": LAST_LEVEL, "required": False}
_PERCENT: dict[str, Any] = {"min_value": 0.0, "max_value": 100.0, "required": False}
_MOST_UNITS = 100_000


class ReplayQuery(Query):
    """Whose load is replayed, under which policy, and of which time."""

    instance_id = serializers.CharField(
        required=False, max_length=64, help_text="An instance of one's own, or one of the inventory."
    )
    group = serializers.CharField(
        required=False, max_length=255, help_text="Or an Auto Scaling group, as its instances' tags name it."
    )
    account = serializers.RegexField(
        r"\A[0-9]{12}\Z",
        required=False,
        trim_whitespace=False,
        help_text="Where several accounts have that instance or group.",
        error_messages={"invalid": "An AWS account id has 12 digits."},
    )
    base = serializers.IntegerField(
        required=False,
        min_value=1,
        max_value=_MOST_UNITS,
        help_text="Of a group, the instances of level 1; the fewest that were measured if not given.",
    )
    policy = serializers.ChoiceField(tuple(PARAMETERS), default=PREDICTIVE)
    days = serializers.IntegerField(
        required=False,
        min_value=1,
        max_value=MOST_DAYS,
        help_text=f"The last so many days until now; {USUAL_DAYS} if nothing is given.",
    )
    start = DayField(required=False, help_text="Instead of days: the first day, UTC.")
    end = DayField(required=False, help_text="The day after the last one, UTC (exclusive).")
    worth = FiniteField(
        required=False,
        min_value=LEAST_WORTH,
        max_value=MOST_WORTH,
        help_text="predictive: instance-minutes that a minute less above 80 % CPU may cost.",
    )
    target = FiniteField(
        required=False,
        min_value=1,
        max_value=100,
        help_text=f"hpa, target_tracking: CPU in percent; {USUAL_TARGET:g} if not given.",
    )
    cpu_high = FiniteField(**_PERCENT, help_text="three_tier, predictive: as in policies.")
    cpu_low = FiniteField(**_PERCENT, help_text="The same.")
    share = FiniteField(required=False, min_value=0.5, max_value=1, help_text="The same.")
    cooldown_up_s = serializers.IntegerField(**_COOLDOWN, help_text="The same.")
    cooldown_down_s = serializers.IntegerField(**_COOLDOWN, help_text="The same.")
    min_level = serializers.IntegerField(**_LEVEL, help_text="Of any policy.")
    max_level = serializers.IntegerField(**_LEVEL, help_text="Of any policy.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Refuse what does not go together. Raises: ValidationError."""
        if ("instance_id" in attrs) == ("group" in attrs):
            raise serializers.ValidationError({"instance_id": "Give either instance_id or group."})
        if "base" in attrs and "group" not in attrs:
            raise serializers.ValidationError({"base": "This is of a group."})
        if "days" in attrs and ("start" in attrs or "end" in attrs):
            raise serializers.ValidationError({"days": "Give either days, or start and end."})
        _refuse_others_parameters(attrs)
        return attrs


def _refuse_others_parameters(attrs: dict[str, Any]) -> None:
    """Raises: ValidationError for what the policy does not have."""
    every = {name for names in PARAMETERS.values() for name in names}
    known = PARAMETERS[attrs["policy"]]
    for name in sorted(every & attrs.keys() - set(known)):
        raise serializers.ValidationError(
            {name: f"The policy {attrs['policy']} does not have this; it has {', '.join(known)}."}
        )


def question(asked: dict[str, Any], now: datetime) -> Question:
    """Return the question that a query string asks, of whole minutes. Raises: ValidationError."""
    start, end = _period(asked, now.astimezone(UTC).replace(second=0, microsecond=0))
    if not start < end:
        raise serializers.ValidationError({"start": "start must be before end, and before now."})
    if end - start > timedelta(days=MOST_DAYS):
        raise serializers.ValidationError({"start": f"Ask for {MOST_DAYS} days at most."})
    policy = asked["policy"]
    given = {name: asked[name] for name in PARAMETERS[policy] if name in asked}
    return Question(policy, start, end, given)


def _period(asked: dict[str, Any], now: datetime) -> tuple[datetime, datetime]:
    end = min(midnight(asked["end"]), now) if "end" in asked else now
    if "start" in asked:
        return midnight(asked["start"]), end
    return end - timedelta(days=asked.get("days", USUAL_DAYS)), end


class CourseSerializer(serializers.Serializer[Any]):
    """What comes of the load in the minutes that are known."""

    minutes_above_limit = serializers.IntegerField(help_text="With more than 80 % of CPU asked for.")
    instance_hours = serializers.FloatField(help_text="Of instances as level 1 has them.")
    over_instance_hours = serializers.FloatField(help_text="Beyond what would have been enough.")
    events = serializers.IntegerField(help_text="Changes of how much there was.")


class ReplayPriceSerializer(serializers.Serializer[Any]):
    """What one instance costs an hour, and where that is from."""

    hourly_usd = AmountField(allow_null=True)
    source = serializers.CharField(  # type: ignore[assignment]  # DRF takes fields out of the class
        allow_blank=True
    )
    date = serializers.DateField(allow_null=True)
    reason = serializers.CharField(allow_null=True, help_text="Why it is not known.")


class ReplayedChangeSerializer(serializers.Serializer[Any]):
    """A change that the policy would have made."""

    at = serializers.DateTimeField()
    before = serializers.FloatField(help_text="Instances; of one that has levels, times the first one's.")
    after = serializers.FloatField()
    reason = serializers.CharField()


class StoredDecisionSerializer(serializers.ModelSerializer[ScalingDecision]):
    """What was really decided."""

    class Meta:
        model = ScalingDecision
        fields = (
            "id",
            "timestamp",
            "decision",
            "rule",
            "reason",
            "outcome",
            "level_before",
            "level_after",
            "probability",
            "units_before",
            "units_wanted",
        )
        read_only_fields = fields


class ReplaySerializer(ComputedSerializer):
    """What the policy would have done, at what cost; and what there was."""

    name = serializers.CharField(help_text="The instance's id, or the group's name.")
    of = serializers.ChoiceField(("instance", "group"))
    source = serializers.ChoiceField(  # type: ignore[assignment]  # as above
        ("managed", "collected"), help_text="Whose samples: the autoscaler's, or those of the inventory."
    )
    policy = serializers.ChoiceField(tuple(PARAMETERS))
    parameters = serializers.DictField(child=serializers.FloatField())
    start = serializers.DateTimeField()
    end = serializers.DateTimeField()
    coverage = serializers.FloatField(help_text="The share of the minutes that is known.")
    minutes = serializers.IntegerField(help_text="So many are known; all figures are of these.")
    would = CourseSerializer(allow_null=True, help_text="Under the policy.")
    was = CourseSerializer(allow_null=True, help_text="As it was.")
    cost_usd = AmountField(allow_null=True, help_text="Of `would`; null where the price is unknown.")
    was_usd = AmountField(allow_null=True, help_text="Of `was`.")
    price = ReplayPriceSerializer()
    changes = ReplayedChangeSerializer(many=True, help_text=f"The last {MOST_TOLD:,}.")
    changes_in_all = serializers.IntegerField()
    decisions = StoredDecisionSerializer(
        many=True,
        help_text=f"What was decided in that time about an instance of one's own, the last {MOST_TOLD:,}.",
    )


def answer(found: Replay, now: datetime) -> dict[str, Any]:
    """Return a replay in the shape of ReplaySerializer."""
    subject, asked, price = found.subject, found.question, found.subject.price
    return {
        "computed_at": now if found.would else None,
        "reason": None if found.would else found.reason,
        "name": subject.name,
        "of": subject.kind,
        "source": subject.source,
        "policy": asked.policy,
        "parameters": found.parameters,
        "start": asked.start,
        "end": asked.end,
        "coverage": found.coverage,
        "minutes": found.minutes,
        "would": found.would,
        "was": found.was,
        "cost_usd": found.would and found.would.cost_usd,
        "was_usd": found.was and found.was.cost_usd,
        "price": {
            "hourly_usd": price.hourly_usd,
            "source": price.source,
            "date": price.date,
            "reason": price.reason or None,
        },
        "changes": found.changes,
        "changes_in_all": found.changes_in_all,
        "decisions": found.decisions,
    }
