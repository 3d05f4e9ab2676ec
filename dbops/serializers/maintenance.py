"""The shapes of maintenance."""

from typing import Any

from rest_framework import serializers

from core.body import StrictSerializer
from dbops.models import Maintenance
from pipelines.waiting import StartedSerializer

STATUSES = ("success", "failed", "skipped", "dry_run")


class MaintenanceRunSerializer(StrictSerializer):
    """How a maintenance is started."""

    dry_run = serializers.BooleanField(
        required=False, default=False, help_text="Only tell what would be done; nothing is changed."
    )


class TaskSerializer(serializers.Serializer[Any]):
    """What became of one task, and of each thing it was about."""

    status = serializers.ChoiceField(STATUSES)
    details = serializers.ListField(child=serializers.DictField())
    error = serializers.CharField(required=False, help_text="What failed and why, where something did.")
    reason = serializers.CharField(required=False, help_text="Why nothing was done, where that is so.")


class CleanupSerializer(TaskSerializer):
    """What was deleted because its time was over."""

    records_cleaned = serializers.IntegerField(help_text="Rows; a partition counts as one.")
    records_found = serializers.IntegerField(required=False, help_text="In a dry run: what would be deleted.")


class IndexesSerializer(TaskSerializer):
    """Which indexes were rebuilt."""

    indexes_optimized = serializers.IntegerField()


class StatisticsSerializer(TaskSerializer):
    """Which tables were analysed."""

    tables_updated = serializers.IntegerField()


class BackupsSerializer(TaskSerializer):
    """Which backup was restored and compared."""

    backups_verified = serializers.IntegerField()


class TasksSerializer(serializers.Serializer[Any]):
    """The tasks of a maintenance."""

    cleanup = CleanupSerializer()
    indexes = IndexesSerializer()
    statistics = StatisticsSerializer()
    backups = BackupsSerializer()


class MaintenanceReportSerializer(serializers.ModelSerializer[Maintenance]):
    """The report of one maintenance."""

    run_id = serializers.IntegerField(allow_null=True, help_text="Null once the run is deleted.")
    tasks = TasksSerializer()
    recommendations = serializers.ListField(child=serializers.CharField())

    class Meta:
        model = Maintenance
        fields = ("run_id", "timestamp", "dry_run", "tasks", "recommendations")


class MaintainedSerializer(StartedSerializer):
    """A maintenance that has ended, with its report."""

    timestamp = serializers.DateTimeField(required=False)
    dry_run = serializers.BooleanField(required=False)
    tasks = TasksSerializer(required=False)
    recommendations = serializers.ListField(child=serializers.CharField(), required=False)
    error = serializers.CharField(required=False, help_text="What failed and why, where something did.")


class MaintenanceStatusSerializer(serializers.Serializer[Any]):
    """The last maintenance that was no dry run, and the history of all."""

    timestamp = serializers.DateTimeField(allow_null=True)
    tasks = TasksSerializer(allow_null=True)
    recommendations = serializers.ListField(child=serializers.CharField(), allow_null=True)
    reason = serializers.CharField(required=False, help_text="Why there is no result, where there is none.")
    history = MaintenanceReportSerializer(
        many=True, help_text="The last 30, newest first, dry runs among them."
    )
