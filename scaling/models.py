"""What the autoscaler manages: instances, their policies and samples, and what was decided about them."""

import uuid
from typing import Any, Self

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone

from collectors.models import Instance
from scaling import capacity


class Mode(models.TextChoices):
    """Who makes a decision come true."""

    MOCK = "mock", "mock: change the level alone"
    RECOMMEND = "recommend", "recommend: record, and do nothing"
    ASG = "asg", "asg: set the desired capacity of the instance's Auto Scaling group"
    EC2_RESIZE = "ec2-resize", "ec2-resize: stop, change the type, start"


ACTING = (Mode.ASG, Mode.EC2_RESIZE)
"""The modes that change something at AWS."""


class Kind(models.TextChoices):
    """What decides."""

    THREE_TIER = "three_tier", "three_tier: the rules alone"
    PREDICTIVE = "predictive", "predictive: the rules, and a forecast above them"


class Prediction(models.TextChoices):
    """What comes of a forecast."""

    FORECAST_ONLY = "forecast_only", "forecast_only: recorded beside what the rules do"
    ACT = "act", "act: it decides, and never on less than the rules ask for"


class Source(models.IntegerChoices):
    """Where a sample comes from."""

    CLOUDWATCH = 1, "cloudwatch"
    MOCK = 2, "mock"
    SIMULATED = 3, "simulated"


class Direction(models.TextChoices):
    """What is decided, as the API calls it."""

    SCALE_UP = "scale_up"
    SCALE_DOWN = "scale_down"
    NO_ACTION = "no_action"


class Outcome(models.TextChoices):
    """What became of a decision."""

    NONE = "none", "nothing was to be done"
    APPLIED = "applied"
    RECOMMENDED = "recommended"
    PENDING = "pending", "pending: stored before the cloud is asked"
    FAILED = "failed"
    UNKNOWN = "unknown", "unknown: what was asked for may have happened"


class ManagedInstanceQuerySet(models.QuerySet["ManagedInstance"]):
    def monitored(self) -> Self:
        """Keep what is monitored."""
        return self.filter(is_monitoring=True)

    def counted(self) -> dict[str, int]:
        """Count all, and those that are monitored."""
        return self.aggregate(
            all=models.Count("pk"), monitored=models.Count("pk", filter=models.Q(is_monitoring=True))
        )

    def mock(self) -> Self:
        """Keep what exists here alone."""
        return self.filter(is_mock=True)

    def real(self) -> Self:
        """Keep what exists at AWS, or is said to."""
        return self.filter(is_mock=False)


class ManagedInstance(models.Model):
    """An instance that a user registered with the autoscaler: a real one of the inventory, or a mock.

    `instance_id` is the cloud's name and the one in addresses; `uuid` is ours and never changes. The small
    integer key is that of the samples.
    """

    id = models.AutoField(primary_key=True)
    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="managed_instances")
    instance_id = models.CharField("instance id", max_length=64, unique=True)
    instance_type = models.CharField(max_length=40)
    region = models.CharField(max_length=30)
    is_mock = models.BooleanField("mock", default=False)
    inventory = models.ForeignKey(
        Instance,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="managed",
        help_text="The instance that collection found; empty for mocks and for what was never found.",
    )
    is_monitoring = models.BooleanField("monitored", default=False)
    level = models.PositiveSmallIntegerField("scale level", default=capacity.FIRST_LEVEL)
    level_is_simulated = models.BooleanField(
        default=False, help_text="Simulated samples had a part in the decision that led to this level."
    )
    last_action_at = models.DateTimeField(null=True, blank=True, help_text="Cooldowns begin here.")
    last_verdict = models.CharField(
        max_length=200, blank=True, help_text="The kind of the last decision stored; steady ones are not."
    )
    base_desired = models.PositiveIntegerField(
        null=True, blank=True, help_text="The desired capacity of its group that level 1 stands for."
    )
    group_name = models.CharField(
        max_length=255, blank=True, help_text="The Auto Scaling group that it speaks for, alone."
    )
    last_desired = models.PositiveIntegerField(
        null=True, blank=True, help_text="The desired capacity that its last action left the group with."
    )
    foreseen_wish = models.FloatField(
        null=True, blank=True, help_text="The instances that a forecast without effect last recommended."
    )
    foreseen_at = models.DateTimeField(null=True, blank=True, help_text="When it did.")
    read_through = models.DateTimeField(
        null=True, blank=True, help_text="Up to when CloudWatch was asked (exclusive)."
    )
    next_reading_at = models.DateTimeField(
        null=True, blank=True, help_text="CloudWatch publishes nothing new before."
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = ManagedInstanceQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-id")
        verbose_name = "managed instance"
        indexes = (
            models.Index(fields=("id",), condition=models.Q(is_monitoring=True), name="managed_monitored"),
        )

    def __str__(self) -> str:
        return self.instance_id

    @property
    def capacity_percent(self) -> float:
        return capacity.percent(self.level)


LEAST_WORTH, MOST_WORTH = 0.1, 1e6


def _percent(default: float) -> "models.FloatField[Any, Any]":
    return models.FloatField(default=default, validators=[MinValueValidator(0), MaxValueValidator(100)])


class ScalingPolicy(models.Model):
    """By which rules one instance is scaled, within which limits, and who carries it out.

    Each change makes a new version; decisions name the one they were made by.
    """

    instance = models.OneToOneField(ManagedInstance, models.CASCADE, primary_key=True, related_name="policy")
    version = models.PositiveIntegerField(default=1, editable=False)
    mode = models.CharField(max_length=10, choices=Mode, default=Mode.RECOMMEND)
    kind = models.CharField(max_length=10, choices=Kind, default=Kind.THREE_TIER, db_default=Kind.THREE_TIER)
    prediction = models.CharField(
        max_length=13,
        choices=Prediction,
        default=Prediction.FORECAST_ONLY,
        db_default=Prediction.FORECAST_ONLY,
        help_text="What comes of the forecast where the kind is predictive.",
    )
    worth = models.FloatField(
        null=True,
        blank=True,
        validators=[MinValueValidator(LEAST_WORTH), MaxValueValidator(MOST_WORTH)],
        help_text=(
            "How many instance-minutes a minute less above 80 % CPU may cost; empty: twelve times the "
            "instances that the load usually needs."
        ),
    )
    cpu_high = _percent(90)
    memory_high = _percent(90)
    cpu_low = _percent(10)
    memory_low = _percent(20)
    share = models.FloatField(
        default=0.8,
        validators=[MinValueValidator(0.5), MaxValueValidator(1)],
        help_text="Of the window's samples, how many must agree.",
    )
    window_s = models.PositiveIntegerField(
        "window in seconds", default=300, validators=[MinValueValidator(120), MaxValueValidator(3600)]
    )
    min_samples = models.PositiveSmallIntegerField(
        default=4, validators=[MinValueValidator(4), MaxValueValidator(100)]
    )
    min_span_s = models.PositiveIntegerField(
        "least span in seconds", default=120, validators=[MinValueValidator(120), MaxValueValidator(86_400)]
    )
    min_level = models.PositiveSmallIntegerField(
        default=capacity.FIRST_LEVEL,
        validators=[MinValueValidator(capacity.FIRST_LEVEL), MaxValueValidator(capacity.LAST_LEVEL)],
    )
    max_level = models.PositiveSmallIntegerField(
        default=capacity.LAST_LEVEL,
        validators=[MinValueValidator(capacity.FIRST_LEVEL), MaxValueValidator(capacity.LAST_LEVEL)],
    )
    cooldown_up_s = models.PositiveIntegerField(
        "cooldown up in seconds", default=300, validators=[MaxValueValidator(86_400)]
    )
    cooldown_down_s = models.PositiveIntegerField(
        "cooldown down in seconds", default=300, validators=[MaxValueValidator(86_400)]
    )
    source_period_s = models.PositiveIntegerField(
        "source's period in seconds",
        null=True,
        blank=True,
        choices=[(10, "10"), (30, "30"), (60, "60"), (300, "300")],
        help_text="How often the source publishes; empty: 60 with detailed monitoring, else 300.",
    )
    allow_restart = models.BooleanField(default=False, help_text="ec2-resize stops the instance.")
    maintenance_window = models.CharField(
        max_length=23,
        blank=True,
        help_text="When ec2-resize may act, in UTC, such as sun:02:00-sun:04:00; empty: never.",
    )
    updated_at = models.DateTimeField(auto_now=True)
    updated_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, editable=False, related_name="+"
    )

    class Meta:
        verbose_name_plural = "scaling policies"

    def __str__(self) -> str:
        return f"policy of {self.instance} (version {self.version})"

    def clean(self) -> None:
        super().clean()
        for low, high in (("cpu_low", "cpu_high"), ("memory_low", "memory_high"), ("min_level", "max_level")):
            if getattr(self, low) > getattr(self, high):
                raise ValidationError({low: f"This must not be greater than {high}."})
        if self.min_span_s >= self.window_s:
            raise ValidationError(
                {"min_span_s": "This must be less than window_s: a sample as old as the window is not in it."}
            )


class ManagedSample(models.Model):
    """What a managed instance measured in the period that begins at a moment; null is unknown, never zero.

    Percent for CPU and memory, bytes for the network. `outlier` has two bits a metric, in their order: high,
    low. The table is partitioned by UTC day.
    """

    pk = models.CompositePrimaryKey("instance", "timestamp")
    # Neither index nor constraint: the key has the instance in front.
    instance = models.ForeignKey(
        ManagedInstance, models.DO_NOTHING, related_name="samples", db_constraint=False, db_index=False
    )
    timestamp = models.DateTimeField()
    source = models.SmallIntegerField(choices=Source)
    outlier = models.SmallIntegerField(default=0)
    cpu = models.FloatField(null=True)
    memory = models.FloatField(null=True)
    network_in = models.FloatField(null=True)
    network_out = models.FloatField(null=True)

    class Meta:
        db_table = "managed_samples"

    def __str__(self) -> str:
        return f"{self.instance_id} {self.timestamp:%Y-%m-%d %H:%M:%S}"


class ScalingDecision(models.Model):
    """What was decided about an instance at one tick, why, by which inputs, and what became of it.

    A scale action is always stored; "no action" only where its kind differs from the last one's.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    instance = models.ForeignKey(ManagedInstance, models.CASCADE, related_name="decisions", db_index=False)
    slot = models.DateTimeField(help_text="The tick: an instance is decided about once in each.")
    timestamp = models.DateTimeField()
    decision = models.CharField(max_length=10, choices=Direction)
    rule = models.CharField(max_length=20)
    reason = models.TextField()
    cpu_utilization = models.FloatField(null=True)
    memory_usage = models.FloatField(null=True)
    network_in = models.FloatField(null=True)
    network_out = models.FloatField(null=True)
    level_before = models.PositiveSmallIntegerField()
    level_after = models.PositiveSmallIntegerField()
    mode = models.CharField(max_length=10, choices=Mode)
    policy_version = models.PositiveIntegerField()
    simulated = models.BooleanField(default=False, help_text="Simulated samples had a part in it.")
    vetoes = models.JSONField(default=list, help_text="What the guard held against the rule's wish.")
    inputs = models.JSONField(default=dict, help_text="The window's samples and statistics, votes, policy.")
    probability = models.FloatField(
        null=True, help_text="Foreseen: that a minute is above the limit with what there was."
    )
    units_before = models.FloatField(null=True, help_text="Foreseen: the instances that there were.")
    units_wanted = models.FloatField(null=True, help_text="Foreseen: the instances that were wished for.")
    level_wanted = models.PositiveSmallIntegerField(null=True, help_text="Foreseen: their level.")
    outcome = models.CharField(max_length=12, choices=Outcome, default=Outcome.NONE)
    outcome_at = models.DateTimeField(null=True, blank=True)
    outcome_detail = models.TextField(blank=True)
    target = models.JSONField(default=dict, blank=True, help_text="What the cloud is asked for.")

    class Meta:
        ordering = ("-timestamp", "-slot")
        constraints = (models.UniqueConstraint(fields=("instance", "slot"), name="decision_slot"),)
        indexes = (
            models.Index(fields=("instance", "-timestamp"), name="decision_newest_first"),
            models.Index(fields=("timestamp",), name="decision_by_time"),
            models.Index(
                fields=("timestamp",),
                condition=models.Q(outcome="pending"),
                name="decision_pending",
            ),
        )

    def __str__(self) -> str:
        return f"{self.instance}: {self.decision} at {self.timestamp:%Y-%m-%d %H:%M:%S}"


class KillSwitch(models.Model):
    """The one row that stops all scaling actions while it is engaged."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    engaged = models.BooleanField(default=False, help_text="Nothing is scaled while this is set.")
    reason = models.CharField(max_length=200, blank=True)
    changed_at = models.DateTimeField(auto_now=True)
    changed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, editable=False, related_name="+"
    )

    class Meta:
        verbose_name = verbose_name_plural = "kill switch"
        constraints = (models.CheckConstraint(condition=models.Q(id=1), name="kill_switch_is_one"),)

    def __str__(self) -> str:
        return "engaged" if self.engaged else "not engaged"


class ScalingEvent(models.Model):
    """The audit trail: who changed what, and each step that was taken at AWS. Rows are never changed."""

    at = models.DateTimeField(default=timezone.now, db_index=True)
    kind = models.CharField(max_length=40, help_text="Such as policy-changed or desired-capacity-set.")
    instance_id = models.CharField(max_length=64, blank=True, db_index=True, help_text="The cloud's id.")
    decision = models.ForeignKey(
        ScalingDecision, models.SET_NULL, null=True, blank=True, related_name="events"
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    detail: "models.JSONField[Any, Any]" = models.JSONField(default=dict)

    class Meta:
        ordering = ("-at", "-id")

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S} {self.kind} {self.instance_id}".strip()
