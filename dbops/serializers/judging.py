"""The shapes of recommendations, of what an optimisation did, and of the report over a period."""

from typing import Any

from rest_framework import serializers

from core.query import Query
from dbops.advice import CRITICAL, INFO, WARNING
from dbops.serializers.observing import StatementFiguresSerializer

LONGEST_HOURS = 720
DEFAULT_HOURS = 24
_REASON = "Why something here is null; empty where nothing is."


class HoursQuery(Query):
    """How far back from now to look."""

    hours = serializers.IntegerField(
        min_value=1, max_value=LONGEST_HOURS, default=DEFAULT_HOURS, help_text="Hours back from now."
    )


class RecommendationSerializer(serializers.Serializer[Any]):
    """Something to do, why, and what it would change."""

    title = serializers.CharField()
    severity = serializers.ChoiceField((INFO, WARNING, CRITICAL))
    evidence = serializers.CharField(help_text="The figures that it is concluded from.")
    sql = serializers.CharField(allow_null=True, help_text="null: none, or the figures do not tell which.")
    effect = serializers.CharField()


class UnknownSerializer(serializers.Serializer[Any]):
    """What could not be judged."""

    subject = serializers.CharField()
    reason = serializers.CharField()


class AdviceSerializer(serializers.Serializer[Any]):
    """Recommendations, the most severe first, and what could not be judged."""

    recommendations = RecommendationSerializer(many=True)
    unknown = UnknownSerializer(many=True)


# --- Optimisation ---------------------------------------------------------------------------------
class StepSerializer(serializers.Serializer[Any]):
    """A step of an optimisation: what it did, or why it did not."""

    task = serializers.CharField()
    status = serializers.ChoiceField(("success", "skipped", "failed"))
    detail = serializers.CharField()


class OptimizationSerializer(serializers.Serializer[Any]):
    """What an optimisation did, and what it proposes."""

    timestamp = serializers.DateTimeField(source="at")
    done = StepSerializer(many=True)
    proposed = RecommendationSerializer(many=True)


# --- The report -----------------------------------------------------------------------------------
class PeriodSerializer(serializers.Serializer[Any]):
    """The half-open period of a report."""

    start = serializers.DateTimeField()
    end = serializers.DateTimeField()
    hours = serializers.FloatField()


class CoverageSerializer(serializers.Serializer[Any]):
    """How many of the minutes were observed."""

    observations = serializers.IntegerField()
    expected = serializers.IntegerField()
    share = serializers.FloatField(help_text="0 to 1.")
    reason = serializers.CharField(help_text="What is missing; empty where nothing is.")


class UtilizationSerializer(serializers.Serializer[Any]):
    """The busy share of the pool, 0 to 1."""

    average = serializers.FloatField(allow_null=True)
    p95 = serializers.FloatField(allow_null=True)
    maximum = serializers.FloatField(allow_null=True)


class ReportPoolSerializer(serializers.Serializer[Any]):
    """How much of the pool was used."""

    utilization = UtilizationSerializer()
    waiting_minutes = serializers.IntegerField(allow_null=True, help_text="Minutes in which clients waited.")
    smallest_size = serializers.IntegerField(allow_null=True)
    largest_size = serializers.IntegerField(allow_null=True)
    reason = serializers.CharField(help_text=_REASON)


class ReportHealthSerializer(serializers.Serializer[Any]):
    """The health score, 0 to 100."""

    average = serializers.FloatField(allow_null=True)
    minimum = serializers.IntegerField(allow_null=True)
    minimum_at = serializers.DateTimeField(allow_null=True)
    reason = serializers.CharField(help_text=_REASON)


class ReportStatementsSerializer(serializers.Serializer[Any]):
    """The statements that took most time, by whole hours."""

    slowest = StatementFiguresSerializer(many=True, allow_null=True)
    reason = serializers.CharField(help_text=_REASON)


class ReportCacheSerializer(serializers.Serializer[Any]):
    """The share of blocks that were found in memory, 0 to 1."""

    hit = serializers.FloatField(allow_null=True)
    blocks = serializers.IntegerField(allow_null=True)
    reason = serializers.CharField(help_text=_REASON)


class ReportSizeSerializer(serializers.Serializer[Any]):
    """The database's size at the end, and how it grew."""

    bytes = serializers.IntegerField(allow_null=True)
    growth_bytes = serializers.IntegerField(allow_null=True)
    growth_bytes_a_day = serializers.FloatField(allow_null=True)
    reason = serializers.CharField(help_text=_REASON)


class ReportScalingSerializer(serializers.Serializer[Any]):
    """How often the pool's size was decided to change."""

    applied = serializers.IntegerField()
    not_applied = serializers.IntegerField()
    by_action = serializers.DictField(child=serializers.IntegerField())


class ReportAlertSerializer(serializers.Serializer[Any]):
    """An alert on the database."""

    key = serializers.CharField()
    severity = serializers.CharField()
    title = serializers.CharField()
    opened_at = serializers.DateTimeField()
    resolved_at = serializers.DateTimeField(allow_null=True)


class ReportAlertsSerializer(serializers.Serializer[Any]):
    """The alerts on the database."""

    opened = ReportAlertSerializer(many=True)
    resolved = serializers.IntegerField()
    open_at_end = serializers.IntegerField()


class ReportBackupsSerializer(serializers.Serializer[Any]):
    """Backups that were restored and compared."""

    verified = serializers.IntegerField()
    failed = serializers.IntegerField()
    latest_verified_at = serializers.DateTimeField(allow_null=True)
    restore_s = serializers.FloatField(allow_null=True)
    reason = serializers.CharField(help_text=_REASON)


class ReportMaintenanceSerializer(serializers.Serializer[Any]):
    """The daily maintenance and the hourly optimisation."""

    runs = serializers.IntegerField()
    failed_tasks = serializers.ListField(child=serializers.CharField())
    skipped_tasks = serializers.ListField(
        child=serializers.CharField(), help_text="What could not be done, such as what was in use."
    )
    optimizations = serializers.IntegerField()


class ReportSerializer(serializers.Serializer[Any]):
    """What became of the database in a period."""

    period = PeriodSerializer()
    coverage = CoverageSerializer()
    pool = ReportPoolSerializer()
    health = ReportHealthSerializer()
    statements = ReportStatementsSerializer()
    cache = ReportCacheSerializer()
    size = ReportSizeSerializer()
    scaling = ReportScalingSerializer()
    alerts = ReportAlertsSerializer()
    backups = ReportBackupsSerializer()
    maintenance = ReportMaintenanceSerializer()
