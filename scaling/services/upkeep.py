"""Keeps decisions and the audit trail from growing for ever."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import QuerySet

from pipelines import retention
from scaling.models import Outcome, ScalingDecision, ScalingEvent


def register() -> None:
    """Have deleted what is more than `RUN_RETENTION_DAYS` old."""
    retention.register_rows("decisions", "Decisions of the autoscaler", _decisions)
    retention.register_rows("events", "Audit trail of the autoscaler", _events)


def _before(now: datetime) -> datetime:
    return now - timedelta(days=settings.RUN_RETENTION_DAYS)


def _decisions(now: datetime) -> QuerySet[ScalingDecision]:
    # What is still being carried out is somebody's.
    old = ScalingDecision.objects.filter(timestamp__lt=_before(now)).exclude(outcome=Outcome.PENDING)
    return old.order_by("timestamp")


def _events(now: datetime) -> QuerySet[ScalingEvent]:
    return ScalingEvent.objects.filter(at__lt=_before(now)).order_by("at")
