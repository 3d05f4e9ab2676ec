"""Metric series, their samples, and what these add up to."""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any, Self

from django.db import models
from django.db.models import Count, Sum

from collectors.models.accounts import CloudAccount
from collectors.models.inventory import Instance
from core.fields import ExactDecimalField


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


class MetricHourQuerySet(models.QuerySet["MetricHour"]):
    def of_instances(self, instances: Iterable[int]) -> Self:
        """Keep the hours of the instances with these keys."""
        return self.filter(series__instance__in=instances)

    def between(self, start: datetime, end: datetime) -> Self:
        """Keep hours that begin in the half-open range [start, end)."""
        return self.filter(hour__gte=start, hour__lt=end)


class MetricHour(MetricRollup):
    """A series' samples of one hour. The table is partitioned by UTC day."""

    pk = models.CompositePrimaryKey("series", "hour")
    series = models.ForeignKey(
        MetricSeries, models.DO_NOTHING, related_name="hours", db_constraint=False, db_index=False
    )
    hour = models.DateTimeField()

    objects = MetricHourQuerySet.as_manager()

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
