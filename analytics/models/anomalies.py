"""What was found out of the ordinary in costs and metrics, what people say of it, and how far was looked."""

from datetime import datetime
from typing import Self

from django.conf import settings
from django.db import models
from django.utils import timezone

from collectors.models import CloudAccount, Instance, MetricSeries


class AnomalyKind(models.TextChoices):
    """What is out of the ordinary."""

    COST = "cost"
    METRIC = "metric"


class AnomalyState(models.TextChoices):
    """Whether an incident goes on."""

    OPEN = "open"
    ENDED = "ended"
    WITHDRAWN = "withdrawn", "Withdrawn: the costs were restated"


class Verdict(models.TextChoices):
    """What somebody says of an incident: an expected one quiets its cause."""

    EXPECTED = "expected"
    REAL = "real"


class AnomalyQuerySet(models.QuerySet["Anomaly"]):
    def costs(self) -> Self:
        """Keep incidents of costs."""
        return self.filter(kind=AnomalyKind.COST)

    def metrics(self) -> Self:
        """Keep incidents of metrics."""
        return self.filter(kind=AnomalyKind.METRIC)

    def open(self) -> Self:
        """Keep what goes on."""
        return self.filter(state=AnomalyState.OPEN)

    def alerted(self, *, ended_after: datetime) -> Self:
        """Keep what an alert holds for: what goes on, or was found late and not long ago."""
        recent = models.Q(state=AnomalyState.ENDED, found_at__gt=ended_after)
        return self.exclude(alert_key="").filter(
            models.Q(state=AnomalyState.OPEN) | recent, is_expected=False
        )


class Anomaly(models.Model):
    """An incident: parts of a bill that moved together, or metrics of an instance that went astray.

    `key` names it; a cost's may change when its first days are restated. `cause` is what it shares with
    others of its origin, which feedback is about. `parts` tell what moved: shares of the bill, or the alarms
    of metrics. `moved` is how much, a day or at the first alarm, in dollars or the metric's unit.
    """

    key = models.CharField(max_length=400, unique=True)
    cause = models.CharField(max_length=400, db_index=True)
    kind = models.CharField(max_length=10, choices=AnomalyKind)
    account = models.ForeignKey(CloudAccount, models.CASCADE, related_name="anomalies")
    service = models.CharField(max_length=200, blank=True, help_text="What moved most; of costs.")
    region = models.CharField(max_length=60, blank=True)
    instance = models.ForeignKey(
        Instance, models.CASCADE, null=True, blank=True, related_name="anomalies", help_text="Of metrics."
    )
    metric = models.CharField(max_length=20, blank=True, help_text="The first that raised an alarm.")
    direction = models.SmallIntegerField(help_text="1 for more, -1 for less.")
    state = models.CharField(max_length=10, choices=AnomalyState, default=AnomalyState.OPEN)
    first_at = models.DateTimeField(help_text="Of costs: midnight UTC of the first day.")
    last_at = models.DateTimeField()
    days = models.PositiveSmallIntegerField(help_text="Of the days in between, so many are known.")
    delta_usd = models.FloatField(null=True, blank=True)
    expected_usd = models.FloatField(null=True, blank=True)
    parts = models.JSONField(default=list)
    moved = models.FloatField()
    sentence = models.CharField(max_length=500)
    is_expected = models.BooleanField(default=False, help_text="Somebody's feedback quiets it.")
    awaits_alert = models.BooleanField(default=False, help_text="There is something to be told.")
    alert_key = models.CharField(max_length=250, blank=True, help_text="The alert that tells of it.")
    found_at = models.DateTimeField(default=timezone.now)

    objects = AnomalyQuerySet.as_manager()

    class Meta:
        ordering = ("-last_at", "-id")
        verbose_name_plural = "anomalies"
        indexes = (
            models.Index(fields=("-last_at", "-id"), name="anomaly_latest"),
            models.Index(
                fields=("kind", "account"), condition=models.Q(state=AnomalyState.OPEN), name="anomaly_open"
            ),
            models.Index(fields=("id",), condition=models.Q(awaits_alert=True), name="anomaly_untold"),
        )

    def __str__(self) -> str:
        return self.sentence


class FeedbackQuerySet(models.QuerySet["AnomalyFeedback"]):
    def by_cause(self) -> Self:
        """Keep the last word on each cause."""
        return self.order_by("anomaly__cause", "-pk").distinct("anomaly__cause")


class AnomalyFeedback(models.Model):
    """Somebody's word on an incident, with how much it had moved then; the last one on a cause counts."""

    anomaly = models.ForeignKey(Anomaly, models.CASCADE, related_name="feedback")
    verdict = models.CharField(max_length=10, choices=Verdict)
    note = models.CharField(max_length=1000, blank=True)
    moved = models.FloatField()
    given_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    given_at = models.DateTimeField(default=timezone.now)

    objects = FeedbackQuerySet.as_manager()

    class Meta:
        ordering = ("-id",)
        verbose_name_plural = "anomaly feedback"

    def __str__(self) -> str:
        return f"{self.verdict}: {self.anomaly}"


class CostJudgement(models.Model):
    """Up to which day an account's costs were judged, and why they could not be."""

    account = models.OneToOneField(
        CloudAccount, models.CASCADE, primary_key=True, related_name="cost_judgement"
    )
    judged_through = models.DateField(null=True, blank=True)
    reason = models.TextField(blank=True)

    def __str__(self) -> str:
        return f"{self.account}: {self.judged_through or self.reason}"


class DetectorState(models.Model):
    """What the detectors of a series know, up to a moment; analytics.anomalies.states reads it."""

    series = models.OneToOneField(MetricSeries, models.CASCADE, primary_key=True, related_name="detectors")
    began_at = models.DateTimeField(help_text="The first sample that they were given.")
    fed_through = models.DateTimeField(help_text="The last sample that they were given.")
    content = models.BinaryField()

    class Meta:
        verbose_name = "state of detectors"
        verbose_name_plural = "states of detectors"

    def __str__(self) -> str:
        return f"{self.series_id} through {self.fed_through:%Y-%m-%d %H:%M}"
