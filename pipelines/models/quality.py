"""How good what was collected is."""

from django.db import models
from django.utils import timezone

from pipelines.models.ledger import Run


class ReportKind(models.TextChoices):
    """What a report looks at: the days that a run collected, or a week."""

    DAILY = "daily"
    WEEKLY = "weekly"


class QualityReport(models.Model):
    """The scores of what was collected, each from 0 to 100; null is unknown, which is not 100."""

    # Reports outlive their runs: the trend looks further back than the ledger.
    run = models.OneToOneField(Run, models.SET_NULL, null=True, blank=True, related_name="quality")
    kind = models.CharField(max_length=10, choices=ReportKind)
    start = models.DateField(help_text="First day that was looked at, UTC.")
    end = models.DateField(help_text="The day after the last one (exclusive).")
    completeness = models.FloatField(null=True, blank=True)
    timeliness = models.FloatField(null=True, blank=True)
    validity = models.FloatField(null=True, blank=True)
    uniqueness = models.FloatField(null=True, blank=True)
    consistency = models.FloatField(null=True, blank=True)
    total = models.FloatField(null=True, blank=True, help_text="The weighted mean of the known ones.")
    unknown = models.JSONField(default=dict, blank=True, help_text="Why a score is unknown, by its name.")
    failures = models.JSONField(default=list, blank=True, help_text="The rows that failed, named.")
    datasets = models.JSONField(
        default=dict, blank=True, help_text="The scores of each kind of data: costs, cpu, inventory, samples."
    )
    computed_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("-id",)
        indexes = (models.Index(fields=("kind", "-end"), name="quality_by_kind"),)

    def __str__(self) -> str:
        total = "unknown" if self.total is None else f"{self.total:.1f}"
        return f"{self.kind} {self.start} to {self.end}: {total}"
