"""When each thing that is computed each night last was, and why it was not."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import models

from pipelines.models import Run


class Subject(models.TextChoices):
    """What is computed each night."""

    FORECAST = "forecast"
    LOAD_FORECAST = "load-forecast"
    ANOMALIES = "anomalies"
    SAVINGS = "savings"
    CARBON = "carbon"
    SUSTAINABILITY = "sustainability"
    BUDGETS = "budgets"


class ComputationQuerySet(models.QuerySet["Computation"]):
    def done(self, subject: Subject, now: datetime, run: Run | None) -> None:
        """Note that this was computed; to be called in the transaction that stores what came out."""
        values = {"computed_at": now, "reason": "", "run": run}
        self.update_or_create(subject=subject, defaults=values)

    def withheld(self, subject: Subject, reason: str, run: Run | None) -> None:
        """Note why this was not computed; what was computed before stays, and so does its moment."""
        self.update_or_create(subject=subject, defaults={"reason": reason, "run": run})

    def standing(self, subject: Subject) -> dict[str, Any]:
        """Return `computed_at`, null before the first time, and the `reason`, null if there is none."""
        return _told(self.filter(subject=subject).values("computed_at", "reason").first())

    def all_standing(self) -> dict[str, dict[str, Any]]:
        """Return the same of every subject, by its name."""
        found = {row["subject"]: row for row in self.values("subject", "computed_at", "reason")}
        return {subject.value: _told(found.get(subject.value)) for subject in Subject}


def _told(found: Mapping[str, Any] | None) -> dict[str, Any]:
    if found is None:
        return {"computed_at": None, "reason": "This was not computed yet; it is each night."}
    return {"computed_at": found["computed_at"], "reason": found["reason"] or None}


class Computation(models.Model):
    """When something was last computed, and why it was not when it last should have been."""

    subject = models.CharField(max_length=20, choices=Subject, primary_key=True)
    computed_at = models.DateTimeField(null=True, blank=True)
    reason = models.TextField(blank=True)
    run = models.ForeignKey(Run, models.SET_NULL, null=True, blank=True, related_name="+")

    objects = ComputationQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.subject}: {self.computed_at or self.reason}"
