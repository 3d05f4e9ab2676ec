"""What was decided about the size of the pool."""

from django.conf import settings
from django.db import models


class Action(models.TextChoices):
    """What is done to the pool."""

    SCALE_UP = "scale_up"
    SCALE_DOWN = "scale_down"
    PRE_SCALE_UP = "pre_scale_up"
    EMERGENCY_SCALE_UP = "emergency_scale_up"


class Cause(models.TextChoices):
    """What made somebody decide."""

    OBSERVATION = "observation"
    PREDICTION = "prediction"
    OPERATOR = "operator"
    CRITICAL = "critical"


class PoolState(models.Model):
    """The size that the pool shall have; one row, locked by whoever decides."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    wanted_size = models.PositiveIntegerField(
        null=True, help_text="Empty: nothing was decided yet, and the pool keeps its own."
    )
    decided_at = models.DateTimeField(null=True, help_text="The cooldown counts from here.")

    def __str__(self) -> str:
        return f"wanted: {self.wanted_size}"


class PoolEvent(models.Model):
    """A decision to change the pool's size, carried out or not."""

    timestamp = models.DateTimeField()
    action = models.CharField(max_length=20, choices=Action)
    from_size = models.PositiveIntegerField()
    to_size = models.PositiveIntegerField()
    reason = models.TextField()
    trigger = models.CharField(max_length=20, choices=Cause)
    applied = models.BooleanField()
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )

    class Meta:
        ordering = ("-timestamp", "-id")
        indexes = (models.Index(fields=("-timestamp", "-id"), name="pool_event_by_time"),)

    def __str__(self) -> str:
        return f"{self.action}: {self.from_size} to {self.to_size}"
