"""What needs somebody's attention, the outbox of what is to be told about it, and to whom."""

import uuid
from typing import Self

from django.conf import settings
from django.db import models
from django.utils import timezone


class Severity(models.TextChoices):
    """How much an alert matters, the mildest first."""

    WARNING = "warning"
    ERROR = "error"
    CRITICAL = "critical"

    @property
    def milder(self) -> "list[Severity]":
        """Return what matters less."""
        return list(Severity)[: list(Severity).index(self)]


class State(models.TextChoices):
    """Whether an alert still holds."""

    OPEN = "open"
    RESOLVED = "resolved"


class AlertQuerySet(models.QuerySet["Alert"]):
    def unresolved(self) -> Self:
        """Keep the alerts that still hold."""
        return self.filter(resolved_at=None)

    def worst_first(self) -> Self:
        """Order by severity, of equal ones the latest first."""
        ranks = [models.When(severity=each, then=rank) for rank, each in enumerate(Severity)]
        return self.order_by(models.Case(*ranks, default=0).desc(), "-pk")

    def in_state(self, state: str) -> Self:
        """Keep the alerts in that state."""
        return self.filter(resolved_at__isnull=state == State.OPEN)


class Alert(models.Model):
    """One trouble, from the first time it was seen until it was over; there is one open alert a key."""

    key = models.CharField(max_length=250, help_text="What it is about: equal troubles have equal keys.")
    severity = models.CharField(max_length=10, choices=Severity)
    title = models.CharField(max_length=250)
    body = models.TextField(blank=True)
    source = models.CharField(max_length=60, help_text="What raised it last.")
    count = models.PositiveIntegerField("occurrences", default=1)
    opened_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField("last seen", default=timezone.now)
    resolved_at = models.DateTimeField(null=True, blank=True)
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    acknowledged_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    note = models.CharField(max_length=1000, blank=True, help_text="What who acknowledged it had to say.")

    objects = AlertQuerySet.as_manager()

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint(
                fields=("key",), condition=models.Q(resolved_at=None), name="alert_one_open"
            ),
        )
        indexes = (models.Index(fields=("key", "-id"), name="alert_by_key"),)

    def __str__(self) -> str:
        return self.title

    @property
    def state(self) -> State:
        """Whether it still holds."""
        return State.OPEN if self.resolved_at is None else State.RESOLVED


class Event(models.TextChoices):
    """What happened to an alert, or a report that is about none."""

    OPENED = "opened"
    ESCALATED = "escalated"
    RESOLVED = "resolved"
    REPORT = "report"


class Notification(models.Model):
    """Something to be told, of an alert or as a report, written in the transaction in which it happened."""

    alert = models.ForeignKey(
        Alert,
        models.CASCADE,
        null=True,
        blank=True,
        related_name="notifications",
        help_text="None: a report.",
    )
    event = models.CharField(max_length=10, choices=Event)
    severity = models.CharField(
        max_length=10, choices=Severity, blank=True, help_text="That of the alert, then; a report has none."
    )
    title = models.CharField(max_length=250, blank=True, help_text="Of a report, as what follows.")
    text = models.TextField(blank=True)
    html = models.TextField("HTML", blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint(
                fields=("alert", "event"),
                condition=~models.Q(event=Event.ESCALATED),
                name="notification_event",
            ),
            # Severities that go up and down are told once each.
            models.UniqueConstraint(
                fields=("alert", "severity"),
                condition=models.Q(event=Event.ESCALATED),
                name="notification_rise",
            ),
            models.CheckConstraint(
                condition=models.Q(event=Event.REPORT, alert=None)
                | (~models.Q(event=Event.REPORT) & models.Q(alert__isnull=False)),
                name="notification_of_alert_or_report",
            ),
        )

    def __str__(self) -> str:
        return f"{self.event}: {self.alert or self.title}"


class Kind(models.TextChoices):
    """How a channel reaches people or machines."""

    EMAIL = "email", "E-mail"
    SLACK = "slack", "Slack"
    WEBHOOK = "webhook", "Webhook"
    SNS = "sns", "Amazon SNS"
    PUBSUB = "pubsub", "Google Pub/Sub"


class Channel(models.Model):
    """Who is told of alerts; its target may be a secret: whoever has a webhook's URL can write there."""

    name = models.CharField(max_length=100, unique=True)
    kind = models.CharField(max_length=10, choices=Kind)
    target = models.CharField(max_length=2000, help_text="An e-mail address, a URL, or a topic.")
    min_severity = models.CharField(
        max_length=10,
        choices=Severity,
        default=Severity.WARNING,
        help_text="Alerts that matter less are not told here.",
    )
    is_enabled = models.BooleanField("enabled", default=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now)
    last_sent_at = models.DateTimeField(null=True, blank=True)
    last_error = models.CharField(max_length=500, blank=True, help_text="Empty once something was sent.")

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name


class DeliveryState(models.TextChoices):
    """What became of a delivery so far."""

    PENDING = "pending"
    SENDING = "sending"
    FAILED = "failed", "Failed, to be tried again"
    SENT = "sent"
    ABANDONED = "abandoned"
    DROPPED = "dropped", "Dropped, as there was no need for it"


class DeliveryQuerySet(models.QuerySet["Delivery"]):
    def open(self) -> Self:
        """Keep what is still to be sent."""
        return self.filter(state__in=UNSETTLED)


UNSETTLED = (DeliveryState.PENDING, DeliveryState.FAILED, DeliveryState.SENDING)


class Delivery(models.Model):
    """A notification on its way through a channel; receivers know copies of it by its id."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    notification = models.ForeignKey(Notification, models.CASCADE, related_name="deliveries")
    channel = models.ForeignKey(Channel, models.CASCADE, related_name="deliveries")
    state = models.CharField(max_length=10, choices=DeliveryState, default=DeliveryState.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0)
    not_before = models.DateTimeField(default=timezone.now)
    lease_until = models.DateTimeField(null=True, blank=True, help_text="Until when its sender may take.")
    sent_at = models.DateTimeField(null=True, blank=True)
    error = models.CharField(max_length=500, blank=True)

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        ordering = ("-notification_id", "channel_id")
        verbose_name_plural = "deliveries"
        constraints = (models.UniqueConstraint(fields=("notification", "channel"), name="delivery_once"),)
        indexes = (
            models.Index(
                fields=("not_before",), condition=models.Q(state__in=UNSETTLED), name="delivery_unsettled"
            ),
        )

    def __str__(self) -> str:
        return f"{self.notification} to {self.channel}"
