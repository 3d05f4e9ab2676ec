"""The instances and volumes of the accounts, and the CPU load of the instances' days."""

from datetime import date, timedelta
from typing import Any, Self

from django.db import models
from django.db.models import Count, Exists, Max, OuterRef, Q

from collectors.models.accounts import CloudAccount


class InstanceQuerySet(models.QuerySet["Instance"]):
    def present(self) -> Self:
        """Keep what the last complete scan of its account and region still found."""
        return self.filter(gone_at=None)

    def running(self) -> Self:
        """Keep the instances that are there and running."""
        return self.present().filter(state="running")

    def counted(self) -> "models.QuerySet[Instance, Any]":
        """Count by account, region and state, in tuples."""
        places = self.order_by().values_list("account__account_id", "region", "state")
        return places.annotate(number=Count("pk"))

    def measured_between(self, start: date, end: date) -> Self:
        """Keep the instances with a CPU figure on a day in the half-open range [start, end), UTC."""
        measured = CpuMetric.objects.between(start, end).filter(ec2=OuterRef("pk"))
        return self.filter(Exists(measured))


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
    stopped_at = models.DateTimeField(
        null=True, blank=True, help_text="When it was stopped, where it is and EC2 says so."
    )
    type_since = models.DateTimeField(
        null=True,
        blank=True,
        help_text="When it was first found to be of its type; null: always.",
    )
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
    available_since = models.DateTimeField(
        null=True, blank=True, help_text="When it was first found attached to nothing; null while it is."
    )
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
