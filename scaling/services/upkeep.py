"""Keeps decisions and the audit trail from growing for ever."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone

from pipelines.registry import Counts, Handler, PlannedStep
from scaling.models import Outcome, ScalingDecision, ScalingEvent

PIPELINE = "scaling-upkeep"
MOST_ROWS = 5000


class UpkeepHandler(Handler):
    """Deletes what is more than `RUN_RETENTION_DAYS` old, in batches with a transaction each."""

    def plan(self) -> Iterator[PlannedStep]:
        yield PlannedStep("decisions")
        yield PlannedStep("events")

    def execute(self, step: PlannedStep) -> Counts:
        return Counts({f"{step.name}_deleted": self._delete(_outlived(step.name))})

    def _delete(self, rows: QuerySet[Any]) -> int:
        deleted = 0
        while batch := list(rows.values_list("pk", flat=True)[:MOST_ROWS]):
            with self._claim.writing():
                rows.model._default_manager.filter(pk__in=batch).delete()
            deleted += len(batch)
        return deleted


def _outlived(name: str) -> QuerySet[Any]:
    before = timezone.now() - timedelta(days=settings.RUN_RETENTION_DAYS)
    if name == "events":
        return ScalingEvent.objects.filter(at__lt=before).order_by("at")
    # What is still being carried out is somebody's.
    old = ScalingDecision.objects.filter(timestamp__lt=before).exclude(outcome=Outcome.PENDING)
    return old.order_by("timestamp")
