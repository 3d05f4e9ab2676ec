"""The shapes in which quality is shown."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from core.query import Query
from pipelines.models import QualityReport, ReportKind
from pipelines.quality import reports


class ScoreField(serializers.FloatField):
    """A score from 0 to 100; null is unknown, which is not 100."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"allow_null": True, "min_value": 0, "max_value": 100, **kwargs})


class ScoresSerializer(serializers.Serializer[Any]):
    """The five scores and their weighted mean."""

    completeness = ScoreField(help_text="The share of what ought to be there that is.")
    timeliness = ScoreField(help_text="The share of the days whose data were there by 05:00 in New York.")
    validity = ScoreField(help_text="The share of what can be so.")
    uniqueness = ScoreField(help_text="The share of what is there once.")
    consistency = ScoreField(help_text="The share of what two sources agree on.")
    total = ScoreField(help_text="The weighted mean of the known ones; null under half of the weight.")


class DatasetSerializer(ScoresSerializer):
    """The scores of one kind of data."""

    unknown = serializers.DictField(child=serializers.CharField(), help_text="Why a score is null.")
    failures = serializers.IntegerField(help_text="How much failed, named or not.")


class FailureSerializer(serializers.Serializer[Any]):
    """What failed a check."""

    check = serializers.CharField()
    dataset = serializers.CharField()
    subject = serializers.CharField(help_text="Such as an account and a day, or an instance.")
    detail = serializers.CharField()


class DependentSerializer(serializers.Serializer[Any]):
    """What needs data of a least quality."""

    name = serializers.CharField()
    dataset = serializers.CharField(help_text="The data that decide.")
    minimum = serializers.FloatField(help_text="It refuses to work below this total.")
    refuses = serializers.BooleanField()
    reason = serializers.CharField(help_text="Why it refuses; empty where it does not.")


class QualityReportSerializer(ScoresSerializer):
    """How good what was collected is."""

    id = serializers.IntegerField()
    run_id = serializers.IntegerField(allow_null=True, help_text="Null: the ledger has forgotten it.")
    kind = serializers.ChoiceField(ReportKind.choices)
    start = serializers.DateField(help_text="First day, UTC.")
    end = serializers.DateField(help_text="The day after the last one (exclusive).")
    unknown = serializers.DictField(child=serializers.CharField(), help_text="Why a score is null.")
    failures = FailureSerializer(many=True, help_text="What failed, 200 at most.")
    failures_left_out = serializers.SerializerMethodField(help_text="How much failed beside those.")
    datasets = serializers.DictField(child=DatasetSerializer())
    dependents = serializers.SerializerMethodField(
        help_text="What goes by the data, and whether it refuses to; null but for the report that counts."
    )
    computed_at = serializers.DateTimeField()

    def get_failures_left_out(self, report: QualityReport) -> int:
        return reports.failures_left_out(report)

    @extend_schema_field(DependentSerializer(many=True, allow_null=True))
    def get_dependents(self, report: QualityReport) -> list[dict[str, Any]] | None:
        found: list[dict[str, Any]] | None = self.context.get("dependents", {}).get(report.pk)
        return found


class WeekSerializer(ScoresSerializer):
    """The scores of one week."""

    start = serializers.DateField()
    end = serializers.DateField(help_text="The day after its last one (exclusive).")


class DaySerializer(serializers.Serializer[Any]):
    """The total of one day."""

    date = serializers.DateField()
    total = ScoreField(help_text="Null: unknown, or the day has no report of its own.")


class ChangeSerializer(serializers.Serializer[Any]):
    """The scores less those of the week before; null where either is unknown."""

    completeness = serializers.FloatField(allow_null=True)
    timeliness = serializers.FloatField(allow_null=True)
    validity = serializers.FloatField(allow_null=True)
    uniqueness = serializers.FloatField(allow_null=True)
    consistency = serializers.FloatField(allow_null=True)
    total = serializers.FloatField(allow_null=True)


class TrendSerializer(serializers.Serializer[Any]):
    """How the scores have moved."""

    weeks = WeekSerializer(many=True, help_text="The last 8 at most, the oldest first.")
    days = DaySerializer(many=True)
    change = ChangeSerializer()


class WeeklyQualitySerializer(QualityReportSerializer):
    """How good what was collected in the last week is, and how that has moved."""

    trend = TrendSerializer()


class WeeklyQuery(Query):
    """In which form the weekly report is wanted."""

    def get_fields(self) -> dict[str, Any]:
        """Return the one parameter, whose name is a word of Python's."""
        return {"as": serializers.ChoiceField(["json", "html"], default="json", help_text="JSON or a page.")}
