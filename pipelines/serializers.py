"""The shape in which the run ledger is shown."""

from collections import Counter
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from core.query import AmountField
from pipelines import overview
from pipelines.models import Run, Status


class CountsField(serializers.DictField):
    """What was counted, such as created, updated and unchanged rows."""

    child = serializers.IntegerField()


class StepSerializer(serializers.Serializer[Any]):
    """A part of a run with an outcome of its own."""

    name = serializers.CharField()
    status = serializers.ChoiceField(Status.choices)
    attempt = serializers.IntegerField(help_text="How often a worker took it.")
    retries = serializers.IntegerField(help_text="Failures in a row after which it was tried again.")
    takeovers = serializers.IntegerField(source="lost_workers", help_text="How often its worker was lost.")
    not_before = serializers.DateTimeField(allow_null=True, help_text="Until when it was last put back.")
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
    attempt = serializers.IntegerField(help_text="How often a worker took it, to plan its steps.")
    takeovers = serializers.IntegerField(
        source="lost_workers", help_text="How often a worker was lost; with those of its steps at its end."
    )
    counts = CountsField()
    aws_cost_usd = AmountField()
    steps = serializers.SerializerMethodField()
    step_counts = serializers.SerializerMethodField()

    class Meta:
        model = Run
        fields = (
            "id",
            "pipeline",
            "scope",
            "scheduled_for",
            "status",
            "attempt",
            "step_attempts",
            "retries",
            "takeovers",
            "lease_until",
            "not_before",
            "started_at",
            "finished_at",
            "duration_s",
            "counts",
            "aws_calls",
            "aws_cost_usd",
            "error",
            "steps",
            "step_counts",
            "trigger",
            "requested_by",
            "parent",
            "created_at",
        )
        read_only_fields = fields

    @extend_schema_field(AnyStepSerializer(many=True))
    def get_steps(self, run: Run) -> list[dict[str, Any]]:
        """The run's steps, or the runs that it consists of, in order.

        Of more than 100 steps, those that matter most: failed, then running, queued, and others.
        """
        if children := list(run.children.all()):
            return list(ChildStepSerializer(children, many=True).data)
        return list(StepSerializer(overview.steps(run), many=True).data)

    @extend_schema_field(serializers.DictField(child=serializers.IntegerField()))
    def get_step_counts(self, run: Run) -> dict[str, int]:
        """How many steps there are of each status, all of them counted."""
        if children := list(run.children.all()):
            return Counter(child.status for child in children)
        return overview.counts(run)
