"""The platform's own operation: its workers, their number, its minutes, and who asked for what."""

from django.conf import settings
from django.db import models
from django.utils import timezone

from pipelines.models.ledger import Run


class Worker(models.Model):
    """A worker process that is alive: it says so every few seconds, and takes its row away when it ends."""

    name = models.CharField(max_length=200, primary_key=True, help_text="Its Celery node.")
    host = models.CharField(max_length=100)
    pid = models.PositiveIntegerField()
    queues = models.JSONField(default=list)
    slots = models.PositiveSmallIntegerField(help_text="How much it does at once.")
    cpu_percent = models.FloatField(
        null=True, help_text="Of its machine, over the time since it last said so; null at first."
    )
    started_at = models.DateTimeField(default=timezone.now)
    seen_at = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name


class PlatformMinute(models.Model):
    """What the platform's last minutes were like: attempts that ended and failed, and the machines' CPU."""

    minute = models.DateTimeField(primary_key=True)
    attempts = models.PositiveIntegerField(help_text="Attempts at work that ended in it.")
    failures = models.PositiveIntegerField(help_text="Of these, those that failed.")
    cpu_percent = models.FloatField(null=True, help_text="Of the busiest machine; null: no worker told.")

    class Meta:
        ordering = ("-minute",)

    def __str__(self) -> str:
        return f"{self.minute:%Y-%m-%d %H:%M}"


class Capacity(models.Model):
    """How many workers are wanted beyond what the backlog asks for; there is one row."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    extra_workers = models.PositiveSmallIntegerField(default=0)
    reason = models.CharField(max_length=250, blank=True)
    changed_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name_plural = "capacity"
        constraints = (models.CheckConstraint(condition=models.Q(id=1), name="capacity_one_row"),)

    def __str__(self) -> str:
        return f"{self.extra_workers} extra workers"


class IdempotencyKey(models.Model):
    """What a caller's key started: the same key and body are the same run for 24 hours."""

    caller = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    endpoint = models.CharField(max_length=40)
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64, help_text="SHA-256 of the body, as it was understood.")
    run = models.ForeignKey(Run, models.CASCADE, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("caller", "endpoint", "key"), name="idempotency_key_once"),
        )
        indexes = (models.Index(fields=("created_at",), name="idempotency_key_by_age"),)

    def __str__(self) -> str:
        return f"{self.key} of {self.caller}"
