"""What needs somebody's attention, and the outbox of what is to be told about it."""

from typing import Self

from django.db import models
from django.utils import timezone


class Severity(models.TextChoices):
    """How much an alert matters."""

    WARNING = "warning"
    ERROR = "error"
    CRITICAL = "critical"


class State(models.TextChoices):
    """Whether an alert still holds."""

    OPEN = "open"
    RESOLVED = "resolved"


class AlertQuerySet(models.QuerySet["Alert"]):
    def unresolved(self) -> Self:
        """Keep the alerts that still hold."""
        return self.filter(resolved_at=None)

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
    """What happened to an alert."""

    OPENED = "opened"
    RESOLVED = "resolved"


class Notification(models.Model):
    """Something to be told about an alert, written in the transaction in which it happened."""

    alert = models.ForeignKey(Alert, models.CASCADE, related_name="notifications")
    event = models.CharField(max_length=10, choices=Event)
    created_at = models.DateTimeField(default=timezone.now)
    not_before = models.DateTimeField(default=timezone.now)
    attempts = models.PositiveSmallIntegerField(default=0)
    sent_at = models.DateTimeField(null=True, blank=True, help_text="Empty while it is pending.")

    class Meta:
        ordering = ("-id",)
        constraints = (models.UniqueConstraint(fields=("alert", "event"), name="notification_event"),)
        indexes = (
            models.Index(
                fields=("not_before",), condition=models.Q(sent_at=None), name="notification_pending"
            ),
        )

    def __str__(self) -> str:
        return f"{self.event}: {self.alert}"
