"""What was done to keep the database in order."""

from django.db import models

from pipelines.models import Run


class Maintenance(models.Model):
    """The report of one maintenance run."""

    run = models.OneToOneField(Run, models.SET_NULL, null=True, related_name="+")
    timestamp = models.DateTimeField(help_text="When it ended.")
    dry_run = models.BooleanField()
    tasks = models.JSONField()
    recommendations = models.JSONField(default=list)

    class Meta:
        ordering = ("-timestamp", "-id")

    def __str__(self) -> str:
        return f"{self.timestamp:%Y-%m-%d %H:%M}"


class MaintenanceNote(models.Model):
    """What one step of a maintenance run has to report; the report takes it when the run ends."""

    run = models.ForeignKey(Run, models.CASCADE, related_name="+", db_index=False)
    step = models.CharField(max_length=120)
    told = models.JSONField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=("run", "step"), name="maintenance_note_step"),)

    def __str__(self) -> str:
        return self.step


class BackupCheck(models.Model):
    """One dump, and what became of it when it was restored."""

    class Outcome(models.TextChoices):
        """What a check says of its dump; one that was interrupted says nothing."""

        RUNNING = "running"
        VERIFIED = "verified"
        FAILED = "failed"
        INTERRUPTED = "interrupted"

    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, help_text="When it was known whether the dump is good.")
    interrupted_at = models.DateTimeField(null=True, help_text="When it ended before that was known.")
    target = models.CharField(max_length=500, help_text="Where the dump lies.")
    size_bytes = models.BigIntegerField(null=True)
    dump_s = models.FloatField(null=True)
    restore_s = models.FloatField(null=True)
    tables = models.PositiveIntegerField(null=True, help_text="Tables that were compared.")
    rows = models.BigIntegerField(null=True)
    is_verified = models.BooleanField(default=False)
    error = models.TextField(blank=True, help_text="What was wrong with it, or what was in the way.")
    differences = models.JSONField(default=list)

    class Meta:
        ordering = ("-started_at", "-id")

    def __str__(self) -> str:
        return self.target

    @property
    def outcome(self) -> Outcome:
        """Return what became of the check."""
        if self.interrupted_at is not None:
            return self.Outcome.INTERRUPTED
        if self.is_verified:
            return self.Outcome.VERIFIED
        return self.Outcome.RUNNING if self.finished_at is None else self.Outcome.FAILED


class Optimization(models.Model):
    """What one hourly optimisation did, and what it proposes."""

    at = models.DateTimeField()
    done = models.JSONField()
    proposed = models.JSONField()

    class Meta:
        ordering = ("-at", "-id")

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M}"
