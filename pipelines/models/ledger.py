"""The run ledger: what was started, by whom, how far it came and what it cost."""

from typing import Any, Self

from django.conf import settings
from django.db import models
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast, Extract, Now
from django.utils import timezone

from core.fields import ExactDecimalField


class Status(models.TextChoices):
    """Where a run, or one of its steps, stands."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    PARTIAL = "partial"
    FAILED = "failed"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"


ACTIVE = (Status.QUEUED, Status.RUNNING)
# Of very many steps, the first of these are looked at first.
BY_WEIGHT = (
    Status.FAILED,
    Status.RUNNING,
    Status.QUEUED,
    Status.PARTIAL,
    Status.CANCELLED,
    Status.SUCCEEDED,
    Status.SKIPPED,
)


class Trigger(models.TextChoices):
    """What started a run."""

    SCHEDULE = "schedule"
    MANUAL = "manual"


# What runs come to, and from which of their columns.
TOTALS = {
    "attempts": models.F("attempt") + models.F("step_attempts"),
    "takeovers": models.F("lost_workers"),
    "calls": models.F("aws_calls"),
    "usd": models.F("aws_cost_usd"),
}


# What a handler counts of its records, as Prometheus is told of them.
RECORDS = ("created", "updated", "unchanged", "deleted", "quarantined")


class RunQuerySet(models.QuerySet["Run"]):
    def active(self) -> Self:
        """Keep the runs that are queued or running."""
        return self.filter(status__in=ACTIVE)

    def finished(self) -> Self:
        """Keep the runs that came to an end, whatever the end was."""
        return self.exclude(status__in=ACTIVE)

    def collected(self) -> Self:
        """Keep the runs that brought home at least part of the data."""
        return self.filter(status__in=(Status.SUCCEEDED, Status.PARTIAL))

    def told(self) -> Self:
        """Fetch along who asked for the runs, and what they consist of, in its order."""
        children = models.Prefetch("children", Run.objects.order_by("position"))
        return self.select_related("requested_by").prefetch_related(children)

    def whole(self) -> Self:
        """Keep the runs that did all there is to do, not the part that somebody asked for."""
        a_part = models.Q(params__has_any_keys=["start", "sources"])
        return self.exclude(a_part | models.Q(params__contains={"validate": False}))

    def totals(self, *by: str) -> "models.QuerySet[Run, dict[str, Any]]":
        """Add up what the runs came to, for each value of these fields."""
        sums = {name: models.Sum(column) for name, column in TOTALS.items()}
        added: models.QuerySet[Run, dict[str, Any]] = self.order_by().values(*by).annotate(**sums)
        return added

    def outcomes(self, *by: str) -> "models.QuerySet[Run, dict[str, Any]]":
        """Add up, by these fields, how many runs ended, how long they took and their records."""
        sums: dict[str, Any] = {
            "runs": models.Count("pk"),
            "took_s": Extract(
                models.Sum(models.F("finished_at") - models.F("started_at")),
                "epoch",
                output_field=models.FloatField(),  # by itself it is cut to whole seconds
            ),
        }
        for name in RECORDS:
            number = Cast(KeyTextTransform(name, "counts"), models.BigIntegerField())
            sums[name] = models.Sum(number, default=0)
        ended = self.finished().filter(started_at__isnull=False, finished_at__isnull=False).order_by()
        added: models.QuerySet[Run, dict[str, Any]] = ended.values(*by).annotate(**sums)
        return added


class Work(models.Model):
    """Something a worker claims, works on under a lease, and brings to an end."""

    status = models.CharField(max_length=10, choices=Status, default=Status.QUEUED)
    attempt = models.PositiveSmallIntegerField(default=0)
    not_before = models.DateTimeField(
        "waiting until", null=True, blank=True, help_text="It waits until then."
    )
    lease_until = models.DateTimeField(null=True, blank=True)
    fence = models.PositiveBigIntegerField(default=0, help_text="Grows with every claim.")
    worker = models.CharField(max_length=200, blank=True)
    lost_workers = models.PositiveSmallIntegerField("takeovers", default=0)
    retries = models.PositiveSmallIntegerField(
        default=0, db_default=0, help_text="Failures in a row that may have passed when it is tried again."
    )

    published_at = models.DateTimeField(null=True, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    claimed_at = models.DateTimeField(
        null=True, blank=True, help_text="When the present attempt began; started_at is that of the first."
    )
    finished_at = models.DateTimeField(null=True, blank=True)

    counts = models.JSONField(default=dict, blank=True)
    outputs = models.JSONField(default=dict, blank=True, help_text="What came of it, but for the counts.")
    history = models.JSONField(
        default=list, blank=True, help_text="The attempts before the present one: when, by whom, how ended."
    )
    aws_calls = models.PositiveIntegerField("AWS calls", default=0)
    aws_cost_usd = ExactDecimalField("AWS cost in dollars", default=0)
    error = models.TextField(blank=True)

    class Meta:
        abstract = True

    @property
    def is_active(self) -> bool:
        return self.status in ACTIVE

    @property
    def duration_s(self) -> float | None:
        """Seconds from the first start to the end, None while it has not ended."""
        if self.started_at is None or self.finished_at is None:
            return None
        return (self.finished_at - self.started_at).total_seconds()


class Run(Work):
    """One execution of one pipeline for one scope and one slot.

    Claiming a run means to plan it: from then on its steps are claimed, each by itself, and the one that
    ends last ends the run. A run with `children` does nothing itself: it is running while they are, one
    after the other by `position`, and takes its outcome from theirs.
    """

    pipeline = models.CharField(max_length=40)
    scope = models.CharField(max_length=100, default="all")
    scheduled_for = models.DateTimeField(help_text="The slot: two starts for one slot are one run.")
    params = models.JSONField(default=dict, blank=True, help_text="What it was asked for, such as days.")
    trigger = models.CharField(max_length=10, choices=Trigger, default=Trigger.MANUAL)
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True)
    parent = models.ForeignKey("self", models.CASCADE, null=True, blank=True, related_name="children")
    position = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now)
    step_attempts = models.PositiveIntegerField(
        default=0, db_default=0, help_text="How often workers took its steps; added up at its end."
    )
    step_counts = models.JSONField(
        null=True, blank=True, help_text="How many of its steps ended in which way; null before its end."
    )
    booked = models.JSONField(
        default=dict,
        blank=True,
        help_text="Of a run that was resumed: what of its steps its own totals hold already.",
    )
    # Those of many steps are added to the run's own.
    lost_workers = models.PositiveIntegerField("takeovers", default=0)

    objects = RunQuerySet.as_manager()

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint(fields=("pipeline", "scope", "scheduled_for"), name="run_slot"),
            models.UniqueConstraint(
                fields=("pipeline", "scope"),
                condition=models.Q(status__in=ACTIVE),
                name="run_one_active",
            ),
        )
        indexes = (
            models.Index(fields=("status", "lease_until"), name="run_by_status"),
            models.Index(fields=("pipeline", "-id"), name="run_by_pipeline"),
            models.Index(fields=("finished_at",), name="run_by_end"),
        )

    def __str__(self) -> str:
        return f"{self.pipeline} #{self.pk}"


class PastTotals(models.Model):
    """What the deleted runs of a pipeline came to: what counts up for ever goes on from there."""

    pipeline = models.CharField(max_length=40, primary_key=True)
    attempts = models.PositiveBigIntegerField(default=0)
    takeovers = models.PositiveBigIntegerField(default=0)
    calls = models.PositiveBigIntegerField(default=0)
    usd = ExactDecimalField(default=0)

    class Meta:
        verbose_name_plural = "past totals"

    def __str__(self) -> str:
        return f"deleted runs of {self.pipeline}"


class PastOutcomes(models.Model):
    """What the deleted runs of a pipeline that ended alike came to; sums go on from there."""

    pipeline = models.CharField(max_length=40)
    status = models.CharField(max_length=10, choices=Status)
    runs = models.PositiveBigIntegerField(default=0)
    took_s = models.FloatField("seconds in all", default=0)
    created = models.PositiveBigIntegerField(default=0)
    updated = models.PositiveBigIntegerField(default=0)
    unchanged = models.PositiveBigIntegerField(default=0)
    deleted = models.PositiveBigIntegerField(default=0)
    quarantined = models.PositiveBigIntegerField(default=0)

    class Meta:
        verbose_name_plural = "past outcomes"
        constraints = (models.UniqueConstraint(fields=("pipeline", "status"), name="past_outcomes_key"),)

    def __str__(self) -> str:
        return f"deleted runs of {self.pipeline}, {self.status}"


class StepQuerySet(models.QuerySet["Step"]):
    def active(self) -> Self:
        """Keep the steps that are queued or running."""
        return self.filter(status__in=ACTIVE)

    def by_weight(self) -> Self:
        """Put first what failed, then what is running, then what waits."""
        weights = [models.When(status=status, then=weight) for weight, status in enumerate(BY_WEIGHT)]
        return self.order_by(models.Case(*weights, default=len(BY_WEIGHT)), "pk")


class Step(Work):
    """A part of a run that any worker can do, and that succeeds or fails by itself."""

    # Two indexes below begin with the run.
    run = models.ForeignKey(Run, models.CASCADE, related_name="steps", db_index=False)
    name = models.CharField(max_length=120)
    inputs = models.JSONField(default=dict, blank=True, help_text="What it begins from; kept.")
    payload = models.JSONField(
        default=dict, blank=True, help_text="What the name does not say; gone at the end."
    )
    progress = models.PositiveSmallIntegerField(
        "percent done", null=True, blank=True, help_text="Where the step can tell."
    )
    refused = models.BooleanField(default=False, help_text="The cloud did not accept who asked.")
    created_at = models.DateTimeField(default=timezone.now, db_default=Now())

    objects = StepQuerySet.as_manager()

    class Meta:
        ordering = ("id",)
        constraints = (models.UniqueConstraint(fields=("run", "name"), name="step_name"),)
        indexes = (
            models.Index(fields=("run", "status", "id"), name="step_by_status"),
            models.Index(
                fields=("status", "lease_until"),
                condition=models.Q(status__in=ACTIVE),
                name="step_active_by_lease",
            ),
            # What ended in the last minute is looked for every minute.
            models.Index(fields=("finished_at",), name="step_by_end"),
            models.Index(fields=("finished_at",), condition=~models.Q(history=[]), name="step_retried"),
        )

    def __str__(self) -> str:
        return f"{self.run}: {self.name}"

    @property
    def subject(self) -> str:
        """What the step is about, such as an account: its name up to the first slash."""
        return self.name.partition("/")[0]
