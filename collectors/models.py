"""What is known of the estate: its accounts, instances, volumes, costs and load."""

import secrets
from datetime import date, timedelta
from typing import Any, Self

from django.contrib.postgres.aggregates import BoolOr
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Count, Exists, Max, Min, OuterRef, Q, Sum
from django.utils import timezone

from core.fields import ExactDecimalField

_ACCOUNT_ID = RegexValidator(r"^\d{12}$", "An AWS account id has 12 digits.")
_ROLE_ARN = RegexValidator(
    r"^arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]+$",
    "A role ARN looks like arn:aws:iam::123456789012:role/CloudIntelReader.",
)


def new_external_id() -> str:
    """Return an external id for a role's trust policy, so that nobody else can have us assume it."""
    return f"cloudintel-{secrets.token_hex(16)}"


def validate_regions(value: Any) -> None:
    """Accept a list of region names. Raises: ValidationError."""
    region = RegexValidator(r"^[a-z]{2}(-[a-z]+)+-\d$", "A region looks like eu-west-1.")
    if not isinstance(value, list):
        region("")
    for name in value:
        region(name)


def validate_role_of(account_id: str, role_arn: str, *, field: str = "role_arn") -> None:
    """Refuse another account's role: its data would be filed under this one. Raises: ValidationError."""
    if role_arn and role_arn.split(":")[4:5] != [account_id]:
        raise ValidationError({field: f"This role is not one of account {account_id}."})


class CloudAccount(models.Model):
    """An AWS account to collect from: through a role, or by the default credential chain."""

    account_id = models.CharField("account id", max_length=12, unique=True, validators=[_ACCOUNT_ID])
    name = models.CharField(max_length=100, blank=True)
    role_arn = models.CharField(
        "role ARN",
        max_length=200,
        blank=True,
        validators=[_ROLE_ARN],
        help_text="Empty: the credentials that the workers find by themselves.",
    )
    external_id = models.CharField(max_length=64, default=new_external_id, editable=False)
    actor_role_arn = models.CharField(
        "actor role ARN",
        max_length=200,
        blank=True,
        validators=[_ROLE_ARN],
        help_text="The role through which the autoscaler acts; empty: it never acts in this account.",
    )
    regions = models.JSONField(
        default=list,
        blank=True,
        validators=[validate_regions],
        help_text='Such as ["eu-west-1"]; empty: every region that the account has enabled.',
    )
    enabled = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ("account_id",)
        verbose_name = "cloud account"

    def __str__(self) -> str:
        return f"{self.account_id} {self.name}".strip()

    def clean(self) -> None:
        super().clean()
        validate_role_of(self.account_id, self.role_arn)
        validate_role_of(self.account_id, self.actor_role_arn, field="actor_role_arn")


class Purpose(models.TextChoices):
    """What CloudIntel's own calls are made for; each has a daily budget of its own."""

    COLLECT = "collect", "collection"
    SCALE = "scale", "autoscaler"


class AwsSpend(models.Model):
    """What CloudIntel's own calls for one purpose cost an account on one UTC day."""

    account = models.ForeignKey(CloudAccount, models.CASCADE, related_name="spend")
    date = models.DateField()
    purpose = models.CharField(
        max_length=10, choices=Purpose, default=Purpose.COLLECT, db_default=Purpose.COLLECT
    )
    amount_usd = ExactDecimalField(default=0)

    class Meta:
        ordering = ("-date",)
        verbose_name = "AWS spend"
        verbose_name_plural = "AWS spend"
        constraints = (models.UniqueConstraint(fields=("account", "date", "purpose"), name="aws_spend_day"),)

    def __str__(self) -> str:
        return f"{self.account_id} {self.date} {self.purpose}: ${self.amount_usd}"


class InstanceQuerySet(models.QuerySet["Instance"]):
    def present(self) -> Self:
        """Keep what the last complete scan of its account and region still found."""
        return self.filter(gone_at=None)

    def running(self) -> Self:
        """Keep the instances that are there and running."""
        return self.present().filter(state="running")

    def measured_between(self, start: date, end: date) -> Self:
        """Keep the instances with a CPU figure on a day in the half-open range [start, end), UTC."""
        return self.filter(Exists(CpuMetric.objects.between(start, end).filter(ec2=OuterRef("pk"))))


class Instance(models.Model):
    """An EC2 instance, kept after it is gone."""

    # Without an index here and elsewhere, where the unique key begins with the column: without statistics,
    # PostgreSQL takes the shorter index for the better one and reads the whole account.
    account = models.ForeignKey(CloudAccount, models.CASCADE, related_name="instances", db_index=False)
    region = models.CharField(max_length=30)
    instance_id = models.CharField(max_length=40, db_index=True)
    instance_type = models.CharField(max_length=40)
    state = models.CharField(max_length=20)
    name = models.CharField(max_length=256, blank=True)
    availability_zone = models.CharField(max_length=40, blank=True)
    platform = models.CharField(max_length=60, blank=True)
    lifecycle = models.CharField(max_length=20, blank=True, help_text="Empty for on-demand.")
    detailed_monitoring = models.BooleanField(default=False)
    image_id = models.CharField(max_length=40, blank=True)
    vpc_id = models.CharField(max_length=40, blank=True)
    private_ip = models.CharField(max_length=45, blank=True)
    public_ip = models.CharField(max_length=45, blank=True)
    tags = models.JSONField(default=dict, blank=True)
    launched_at = models.DateTimeField(null=True, blank=True)
    first_seen = models.DateTimeField()
    last_seen = models.DateTimeField()
    gone_at = models.DateTimeField(null=True, blank=True)

    objects = InstanceQuerySet.as_manager()

    class Meta:
        db_table = "ec2_instances"
        ordering = ("account", "region", "instance_id")
        verbose_name = "EC2 instance"
        constraints = (
            models.UniqueConstraint(fields=("account", "region", "instance_id"), name="instance_key"),
        )

    def __str__(self) -> str:
        return f"{self.instance_id} {self.name}".strip()


class InstanceStateChange(models.Model):
    """The moment a scan found an instance in another state than before."""

    instance = models.ForeignKey(Instance, models.CASCADE, related_name="state_changes")
    from_state = models.CharField(max_length=20, blank=True, help_text="Empty: first seen.")
    to_state = models.CharField(max_length=20)
    observed_at = models.DateTimeField()

    class Meta:
        ordering = ("-observed_at", "-id")

    def __str__(self) -> str:
        return f"{self.instance}: {self.from_state or 'new'} to {self.to_state}"


class Volume(models.Model):
    """An EBS volume, kept after it is gone."""

    account = models.ForeignKey(CloudAccount, models.CASCADE, related_name="volumes", db_index=False)
    region = models.CharField(max_length=30)
    volume_id = models.CharField(max_length=40, db_index=True)
    volume_type = models.CharField(max_length=20)
    state = models.CharField(max_length=20)
    size_gib = models.PositiveIntegerField()
    iops = models.PositiveIntegerField(null=True, blank=True)
    throughput_mibps = models.PositiveIntegerField(null=True, blank=True)
    encrypted = models.BooleanField(default=False)
    availability_zone = models.CharField(max_length=40, blank=True)
    attached_to = models.CharField(max_length=40, blank=True, help_text="The instance's id.")
    device = models.CharField(max_length=40, blank=True)
    tags = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(null=True, blank=True)
    first_seen = models.DateTimeField()
    last_seen = models.DateTimeField()
    gone_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "ebs_volumes"
        ordering = ("account", "region", "volume_id")
        verbose_name = "EBS volume"
        constraints = (models.UniqueConstraint(fields=("account", "region", "volume_id"), name="volume_key"),)

    def __str__(self) -> str:
        return self.volume_id


class DailyCostQuerySet(models.QuerySet["DailyCost"]):
    def between(self, start: date, end: date) -> Self:
        """Keep days in the half-open range [start, end), UTC."""
        return self.filter(date__gte=start, date__lt=end)

    def final_through(self) -> date | None:
        """Return the last day up to which no amount is estimated; None when there is no such day."""
        # What a disabled account left open is not read again, and would hold the others back for ever.
        open_days = self.filter(estimated=True, account__enabled=True)
        first_estimated = open_days.aggregate(day=Min("date"))["day"]
        final = self.filter(date__lt=first_estimated) if first_estimated else self
        last: date | None = final.aggregate(day=Max("date"))["day"]
        return last

    def unblended(self) -> Self:
        """Keep what was charged, before credits and reservations are spread over accounts."""
        return self.filter(basis="unblended")

    def currency(self) -> str:
        """Return the currency to answer in: US dollars if anything costs those, else the most frequent."""
        charged = self.exclude(amount=0)
        if charged.filter(unit="USD").exists():
            return "USD"
        units = charged.order_by().values("unit").annotate(rows=Count("pk")).order_by("-rows", "unit")
        first = units.first()
        return str(first["unit"]) if first else "USD"

    def daily_totals(self, *, by_service: bool = False) -> "models.QuerySet[DailyCost, dict[str, Any]]":
        """Add each day up (each service of it apart, if asked), estimated when any part of it is."""
        keys = ("date", "service") if by_service else ("date",)
        days: models.QuerySet[DailyCost, dict[str, Any]] = self.order_by(*keys).values(*keys)
        return days.annotate(total=Sum("amount"), any_estimated=BoolOr("estimated"))


class DailyCost(models.Model):
    """What one service cost in one region of one account on one UTC day.

    `service` and `region` are empty where the source did not tell them apart. Amounts of different
    `basis` or `unit` (the currency) are never added.
    """

    account = models.ForeignKey(CloudAccount, models.CASCADE, related_name="costs", db_index=False)
    date = models.DateField(db_index=True)
    service = models.CharField(max_length=200, blank=True)
    region = models.CharField(max_length=60, blank=True)
    basis = models.CharField(max_length=30, default="unblended")
    unit = models.CharField(max_length=10)
    amount = ExactDecimalField()
    estimated = models.BooleanField(default=False)

    objects = DailyCostQuerySet.as_manager()

    class Meta:
        db_table = "daily_costs"
        ordering = ("date", "account", "service", "region")
        constraints = (
            models.UniqueConstraint(
                fields=("account", "date", "service", "region", "basis", "unit"), name="daily_cost_key"
            ),
        )

    def __str__(self) -> str:
        return f"{self.date} {self.service}: {self.amount} {self.unit}"


class CpuMetricQuerySet(models.QuerySet["CpuMetric"]):
    def between(self, start: date, end: date) -> Self:
        """Keep days in the half-open range [start, end), UTC."""
        return self.filter(date__gte=start, date__lt=end)

    def final_through(self, *, today: date) -> date | None:
        """Return the last day whose figures are complete; None when nothing is stored.

        A day that is over is complete when a later one was read, or an instance reported in all its hours.
        """
        newest: date | None = self.aggregate(day=Max("date"))["day"]
        if newest is None:
            return None
        if newest >= today:
            return today - timedelta(days=1)
        whole = self.filter(date=newest, coverage__gte=1).exists()
        return newest if whole else newest - timedelta(days=1)


class CpuMetric(models.Model):
    """The CPU load of one instance on one UTC day, in percent."""

    ec2 = models.ForeignKey(Instance, models.CASCADE, related_name="cpu", db_index=False)
    instance_id = models.CharField(max_length=40, db_index=True)
    date = models.DateField(db_index=True)
    average_cpu = models.FloatField()
    maximum_cpu = models.FloatField()
    samples = models.PositiveIntegerField()
    coverage = models.FloatField(help_text="Share of the day's hours in which the instance reported.")
    from_samples = models.BooleanField(
        default=False, db_default=False, help_text="Added up from metric samples, which covered more hours."
    )

    objects = CpuMetricQuerySet.as_manager()

    class Meta:
        db_table = "cpu_metrics"
        ordering = ("date", "instance_id")
        verbose_name = "CPU day"
        constraints = (
            models.UniqueConstraint(fields=("ec2", "date"), name="cpu_metric_key"),
            models.CheckConstraint(
                condition=Q(coverage__gte=0) & Q(coverage__lte=1), name="cpu_metric_coverage"
            ),
        )

    def __str__(self) -> str:
        return f"{self.instance_id} {self.date}: {self.average_cpu:.1f} %"


class MetricSeries(models.Model):
    """Whose samples these are: the one integer key of a metric series.

    A series without an instance belongs to something outside the inventory and is no part of the estate.
    """

    id = models.AutoField(primary_key=True)
    instance = models.OneToOneField(
        Instance, models.CASCADE, null=True, blank=True, related_name="metric_series"
    )
    read_through = models.DateTimeField(
        null=True, blank=True, help_text="Up to when CloudWatch was asked (exclusive)."
    )
    memory_dimensions = models.JSONField(
        null=True,
        blank=True,
        help_text="Where the CloudWatch agent publishes the memory; null: nowhere known.",
    )
    memory_listed_at = models.DateTimeField(
        null=True, blank=True, help_text="Which listing of all metrics found that last."
    )

    class Meta:
        db_table = "metric_series"
        verbose_name_plural = "metric series"

    def __str__(self) -> str:
        return f"{self.pk} {self.instance or 'outside the inventory'}"


class MemoryListing(models.Model):
    """When CloudWatch was last asked which instances of an account and region publish their memory."""

    account = models.ForeignKey(CloudAccount, models.CASCADE, related_name="memory_listings")
    region = models.CharField(max_length=30)
    listed_at = models.DateTimeField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=("account", "region"), name="memory_listing_key"),)

    def __str__(self) -> str:
        return f"{self.account} {self.region}: {self.listed_at:%Y-%m-%d %H:%M}"


class MetricSample(models.Model):
    """What a series measured in the period that begins at a moment; null is unknown, never zero.

    Percent for CPU and memory, bytes for the network. The table is partitioned by UTC day.
    """

    pk = models.CompositePrimaryKey("series", "timestamp")
    # Neither index nor constraint: the key has the series in front, and a check a row would halve the rate.
    series = models.ForeignKey(
        MetricSeries, models.DO_NOTHING, related_name="samples", db_constraint=False, db_index=False
    )
    timestamp = models.DateTimeField()
    cpu = models.FloatField(null=True)
    memory = models.FloatField(null=True)
    network_in = models.FloatField(null=True)
    network_out = models.FloatField(null=True)

    class Meta:
        db_table = "metric_samples"

    def __str__(self) -> str:
        return f"{self.series_id} {self.timestamp:%Y-%m-%d %H:%M}"


class MetricRollup(models.Model):
    """Four metrics over a span of time: sums to be added, extremes, and histograms for percentiles.

    A histogram is one number, eight decimal digits a bucket (collectors.samples.histogram), so that adding
    two of them merges them.
    """

    cpu_count = models.PositiveIntegerField()
    cpu_sum = models.FloatField(null=True)
    cpu_min = models.FloatField(null=True)
    cpu_max = models.FloatField(null=True)
    cpu_histogram = ExactDecimalField(null=True)
    memory_count = models.PositiveIntegerField()
    memory_sum = models.FloatField(null=True)
    memory_min = models.FloatField(null=True)
    memory_max = models.FloatField(null=True)
    memory_histogram = ExactDecimalField(null=True)
    network_in_count = models.PositiveIntegerField()
    network_in_sum = models.FloatField(null=True)
    network_in_min = models.FloatField(null=True)
    network_in_max = models.FloatField(null=True)
    network_in_histogram = ExactDecimalField(null=True)
    network_out_count = models.PositiveIntegerField()
    network_out_sum = models.FloatField(null=True)
    network_out_min = models.FloatField(null=True)
    network_out_max = models.FloatField(null=True)
    network_out_histogram = ExactDecimalField(null=True)

    class Meta:
        abstract = True


class MetricHour(MetricRollup):
    """A series' samples of one hour. The table is partitioned by UTC day."""

    pk = models.CompositePrimaryKey("series", "hour")
    series = models.ForeignKey(
        MetricSeries, models.DO_NOTHING, related_name="hours", db_constraint=False, db_index=False
    )
    hour = models.DateTimeField()

    class Meta:
        db_table = "metric_hours"

    def __str__(self) -> str:
        return f"{self.series_id} {self.hour:%Y-%m-%d %H}:00"


class MetricDayQuerySet(models.QuerySet["MetricDay"]):
    def between(self, start: date, end: date) -> Self:
        """Keep days in the half-open range [start, end), UTC."""
        return self.filter(date__gte=start, date__lt=end)

    def estate(self) -> Self:
        """Keep the series of instances in the inventory."""
        return self.filter(series__instance__isnull=False)

    def fleet_cpu(self) -> "models.QuerySet[MetricDay, Any]":
        """Add each day up over all series: the points, their sum, and how many instances have any."""
        days = self.filter(cpu_count__gt=0).order_by("date").values("date")
        return days.annotate(points=Sum("cpu_count"), total=Sum("cpu_sum"), instances=Count("*"))


class MetricDay(MetricRollup):
    """A series' samples of one UTC day, added up from its hours."""

    pk = models.CompositePrimaryKey("date", "series")
    series = models.ForeignKey(MetricSeries, models.CASCADE, related_name="days")
    date = models.DateField()
    hours = models.PositiveSmallIntegerField(help_text="In how many hours CPU was measured.")

    objects = MetricDayQuerySet.as_manager()

    class Meta:
        db_table = "metric_days"
        # The fleet's average is read from here alone: the rows, with their histograms, are wide.
        indexes = (
            models.Index(
                fields=("date",), include=("series", "cpu_count", "cpu_sum"), name="metric_day_fleet_cpu"
            ),
        )

    def __str__(self) -> str:
        return f"{self.series_id} {self.date}"
