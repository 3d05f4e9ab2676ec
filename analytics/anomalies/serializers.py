"""The shapes in which anomalies are shown, and feedback on them is sent."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from analytics.models import Anomaly, AnomalyFeedback, AnomalyKind, Verdict
from core.body import StrictSerializer
from core.query import DayField


class GivenFeedbackSerializer(StrictSerializer):
    """What somebody says of an incident."""

    verdict = serializers.ChoiceField(
        Verdict.choices,
        help_text="`expected` quiets its cause up to 1.5 times what it moved; `real` takes that back.",
    )
    note = serializers.CharField(required=False, allow_blank=True, max_length=1000)


class FeedbackSerializer(serializers.ModelSerializer[AnomalyFeedback]):
    """The last word on an incident."""

    given_by = serializers.EmailField(source="given_by.email", default=None, allow_null=True)

    class Meta:
        model = AnomalyFeedback
        fields = ("verdict", "note", "given_by", "given_at")
        read_only_fields = fields


class CostPartSerializer(serializers.Serializer[Any]):
    """A part of a bill that moved over an incident's days."""

    service = serializers.CharField(help_text="As AWS names it; empty where the bill does not say.")
    region = serializers.CharField()
    delta_usd = serializers.FloatField(help_text="More, or less where negative, than was to be expected.")
    share = serializers.FloatField(help_text="Of all that moved that way in the account on those days.")


class AlarmSerializer(serializers.Serializer[Any]):
    """A metric's value that is out of the ordinary: percent, or bytes a sample."""

    metric = serializers.CharField()
    at = serializers.DateTimeField()
    value = serializers.FloatField()
    usual = serializers.FloatField(
        allow_null=True, help_text="The median of the day before; null where nothing was measured."
    )
    kind = serializers.CharField(help_text="In which way it is unusual, such as: for the time of day.")
    score = serializers.FloatField(help_text="0.5 is once in 10,000 points, 1 once in 100 million.")


class AnomalySerializer(serializers.ModelSerializer[Anomaly]):
    """An incident, what it was made of, and what people say of it.

    `service`, `delta_usd`, `expected_usd` and `parts` are of costs, `instance_id`, `metric` and `alarms` of
    metrics.
    """

    account = serializers.CharField(source="account_number")
    service = serializers.SerializerMethodField()
    instance_id = serializers.CharField(source="instance_name", allow_null=True)
    metric = serializers.SerializerMethodField()
    direction = serializers.SerializerMethodField()
    first_day = serializers.SerializerMethodField()
    last_day = serializers.SerializerMethodField()
    parts = serializers.SerializerMethodField()
    alarms = serializers.SerializerMethodField()
    feedback = serializers.SerializerMethodField()

    class Meta:
        model = Anomaly
        fields = (
            "id",
            "kind",
            "state",
            "sentence",
            "account",
            "service",
            "region",
            "instance_id",
            "metric",
            "direction",
            "first_day",
            "last_day",
            "days",
            "delta_usd",
            "expected_usd",
            "parts",
            "alarms",
            "is_expected",
            "feedback",
            "found_at",
        )
        read_only_fields = fields

    def to_representation(self, instance: Any) -> dict[str, Any]:
        """Return the row as it is stored: taking each value through its field doubles what a read takes."""
        own = {
            "account": instance.account_number,
            "service": self.get_service(instance),
            "instance_id": instance.instance_name,
            "metric": self.get_metric(instance),
            "direction": self.get_direction(instance),
            "first_day": self.get_first_day(instance),
            "last_day": self.get_last_day(instance),
            "parts": self.get_parts(instance),
            "alarms": self.get_alarms(instance),
            "feedback": self.get_feedback(instance),
        }
        return {name: own[name] if name in own else getattr(instance, name) for name in self.Meta.fields}

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_service(self, anomaly: Anomaly) -> str | None:
        return anomaly.service if anomaly.kind == AnomalyKind.COST else None

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_metric(self, anomaly: Anomaly) -> str | None:
        return anomaly.metric or None

    @extend_schema_field(serializers.ChoiceField(("more", "less")))
    def get_direction(self, anomaly: Anomaly) -> str:
        return "more" if anomaly.direction > 0 else "less"

    @extend_schema_field(DayField())
    def get_first_day(self, anomaly: Anomaly) -> Any:
        return anomaly.first_at.date()

    @extend_schema_field(DayField())
    def get_last_day(self, anomaly: Anomaly) -> Any:
        return anomaly.last_at.date()

    @extend_schema_field(CostPartSerializer(many=True))
    def get_parts(self, anomaly: Anomaly) -> list[dict[str, Any]]:
        return _parts(anomaly, AnomalyKind.COST)

    @extend_schema_field(AlarmSerializer(many=True))
    def get_alarms(self, anomaly: Anomaly) -> list[dict[str, Any]]:
        return _parts(anomaly, AnomalyKind.METRIC)

    @extend_schema_field(FeedbackSerializer(allow_null=True))
    def get_feedback(self, anomaly: Anomaly) -> dict[str, Any] | None:
        last = next(iter(anomaly.feedback.all()), None)
        return dict(FeedbackSerializer(last).data) if last else None


def _parts(anomaly: Anomaly, kind: AnomalyKind) -> list[dict[str, Any]]:
    """Return an incident's parts as they are kept, which is how they are shown; none of another kind."""
    return list(anomaly.parts) if anomaly.kind == kind else []
