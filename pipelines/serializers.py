"""The shape in which the run ledger is shown."""

from operator import attrgetter
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from core.query import AmountField
from pipelines.models import Run, Status


class CountsField(serializers.DictField):
    """What was counted, such as created, updated and unchanged rows."""

    child = serializers.IntegerField()


class StepSerializer(serializers.Serializer[Any]):
    """A part of a run with an outcome of its own."""

    name = serializers.CharField()
    status = serializers.ChoiceField(Status.choices)
    attempt = serializers.IntegerField()
    takeovers = serializers.IntegerField(source="lost_workers", help_text="How often its worker was lost.")
    lease_until = serializers.DateTimeField(allow_null=True, help_text="While it is worked on.")
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)
    counts = CountsField()
    error = serializers.CharField()


class ChildStepSerializer(StepSerializer):
    """A run that is a step of another."""

    name = serializers.CharField(source="pipeline")
    run_id = serializers.IntegerField(source="pk")


class AnyStepSerializer(StepSerializer):
    """A part of a run; `run_id` is there where that part is a run itself."""

    run_id = serializers.IntegerField(required=False)


class RunSerializer(serializers.ModelSerializer[Run]):
    """One execution of a pipeline: when, by whom, with what outcome and at what price."""

    requested_by = serializers.EmailField(source="requested_by.email", allow_null=True)
    duration_s = serializers.FloatField(allow_null=True, help_text="Seconds from first start to end.")
    takeovers = serializers.IntegerField(source="lost_workers", help_text="How often a worker was lost.")
    counts = CountsField()
    aws_cost_usd = AmountField()
    steps = serializers.SerializerMethodField()

    class Meta:
        model = Run
        fields = (
            "id",
            "pipeline",
            "scope",
            "scheduled_for",
            "status",
            "attempt",
            "takeovers",
            "lease_until",
            "started_at",
            "finished_at",
            "duration_s",
            "counts",
            "aws_calls",
            "aws_cost_usd",
            "error",
            "steps",
            "trigger",
            "requested_by",
            "parent",
            "created_at",
        )
        read_only_fields = fields

    @extend_schema_field(AnyStepSerializer(many=True))
    def get_steps(self, run: Run) -> list[dict[str, Any]]:
        """Return the run's steps, or its children where it has them, in order."""
        if children := sorted(run.children.all(), key=attrgetter("position")):
            return list(ChildStepSerializer(children, many=True).data)
        return list(StepSerializer(run.steps.all(), many=True).data)
