"""The shape in which the run ledger is shown."""

from collections import Counter
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from core.query import AmountField
from pipelines import history, overview
from pipelines.models import Run, Status, Work


class CountsField(serializers.DictField):
    """What was counted, such as created, updated and unchanged rows."""

    child = serializers.IntegerField()


class AttemptSerializer(serializers.Serializer[Any]):
    """One attempt at a piece of work; those before the last twenty are forgotten."""

    attempt = serializers.IntegerField(help_text="Its number.")
    started_at = serializers.DateTimeField(allow_null=True)
    ended_at = serializers.DateTimeField(allow_null=True)
    worker = serializers.CharField(help_text="Who made it.")
    outcome = serializers.CharField(
        help_text="How it ended: a status, or retried, interrupted, lost (with its worker), or given back."
    )
    error = serializers.CharField()
    not_before = serializers.DateTimeField(allow_null=True, help_text="Until when the next one had to wait.")


class ProgressSerializer(serializers.Serializer[Any]):
    """How far a run is."""

    done = serializers.IntegerField(help_text="Steps that were done, with or without success.")
    total = serializers.IntegerField(help_text="Steps known so far; steps may add others.")
    percent = serializers.IntegerField(allow_null=True, help_text="Null before anything is planned.")


class _Attempted(serializers.Serializer[Any]):
    """What runs and steps share."""

    attempts = serializers.SerializerMethodField()

    @extend_schema_field(AttemptSerializer(many=True))
    def get_attempts(self, work: Work) -> list[dict[str, Any]]:
        """The attempts at it, the oldest first."""
        return list(AttemptSerializer(history.attempts(work), many=True).data)


class StepSerializer(_Attempted):
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
    progress = serializers.IntegerField(allow_null=True, help_text="Percent, where the step can tell.")
    inputs = serializers.JSONField(help_text="What it begins from.")
    outputs = serializers.JSONField(help_text="What came of it, but for the counts.")
    counts = CountsField()
    error = serializers.CharField()


class ChildStepSerializer(StepSerializer):
    """A run that is a step of another."""

    name = serializers.CharField(source="pipeline")
    run_id = serializers.IntegerField(source="pk")
    inputs = serializers.JSONField(source="params")
    progress = serializers.SerializerMethodField()  # type: ignore[assignment]  # a run counts its steps

    def get_progress(self, child: Run) -> int | None:
        """Percent, null before it is planned."""
        return overview.progress_of_child(child).percent


class AnyStepSerializer(StepSerializer):
    """A part of a run; `run_id` is there where that part is a run itself."""

    run_id = serializers.IntegerField(required=False)


class RunSerializer(_Attempted, serializers.ModelSerializer[Run]):
    """One execution of a pipeline: when, by whom, with what outcome and at what price."""

    requested_by = serializers.EmailField(source="requested_by.email", allow_null=True)
    duration_s = serializers.FloatField(allow_null=True, help_text="Seconds from first start to end.")
    attempt = serializers.IntegerField(help_text="How often a worker took it, to plan its steps.")
    takeovers = serializers.IntegerField(
        source="lost_workers", help_text="How often a worker was lost; with those of its steps at its end."
    )
    params = serializers.JSONField(help_text="What was asked for; empty: all there is.")
    outputs = serializers.JSONField(help_text="What came of its planning, but for the counts.")
    counts = CountsField()
    aws_cost_usd = AmountField()
    progress = serializers.SerializerMethodField()
    steps = serializers.SerializerMethodField()
    step_counts = serializers.SerializerMethodField()

    class Meta:
        model = Run
        fields = (
            "id",
            "pipeline",
            "scope",
            "scheduled_for",
            "params",
            "status",
            "progress",
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
            "outputs",
            "attempts",
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

    @extend_schema_field(ProgressSerializer)
    def get_progress(self, run: Run) -> dict[str, Any]:
        """How far it is; of a parent, over the steps of its children."""
        return dict(ProgressSerializer(overview.progress(run)).data)

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
