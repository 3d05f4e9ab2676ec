"""What was learned of the load, and what was predicted from it."""

from django.db import models


class LoadHour(models.Model):
    """The load of one hour, from its observations."""

    hour = models.DateTimeField(primary_key=True)
    samples = models.PositiveSmallIntegerField(help_text="Observations, 60 when none is missing.")
    average_demand = models.FloatField(help_text="Connections, busy ones and those waited for.")
    peak_demand = models.FloatField()
    average_utilization = models.FloatField(help_text="0 to 1.")
    peak_utilization = models.FloatField()
    surge = models.FloatField(
        null=True,
        help_text="The most that demand rose at once above all of the hour before it, in connections.",
    )

    class Meta:
        ordering = ("-hour",)

    def __str__(self) -> str:
        return f"{self.hour:%Y-%m-%d %H}: {self.average_demand:.1f}"


class Prediction(models.Model):
    """What an hour was expected to ask for, and what it did ask for."""

    hour = models.DateTimeField(unique=True, help_text="When the predicted hour begins.")
    made_at = models.DateTimeField()
    demand = models.FloatField(help_text="The expected peak, in connections.")
    low = models.FloatField()
    high = models.FloatField()
    utilization = models.FloatField(help_text="Of the pool as it was, 0 to 1.")
    recommended_size = models.PositiveIntegerField()
    confidence = models.FloatField(
        null=True, help_text="Share of the settled predictions whose peak was within their range."
    )
    basis = models.TextField(help_text="What it was made from.")
    actual_peak = models.FloatField(null=True, help_text="Empty until the hour is over.")

    class Meta:
        ordering = ("-hour",)

    def __str__(self) -> str:
        return f"{self.hour:%Y-%m-%d %H}: {self.demand:.1f}"


class ThresholdChange(models.Model):
    """The thresholds from a moment on, and why they moved; the latest one holds."""

    at = models.DateTimeField()
    scale_up_threshold = models.FloatField()
    scale_down_threshold = models.FloatField()
    critical_threshold = models.FloatField()
    reason = models.TextField()

    class Meta:
        ordering = ("-at", "-id")

    def __str__(self) -> str:
        return f"{self.scale_up_threshold} / {self.scale_down_threshold} / {self.critical_threshold}"
