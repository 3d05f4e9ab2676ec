"""The run ledger, what it says of quality, and the platform's own operation."""

from pipelines.models.ledger import (
    ACTIVE,
    BY_WEIGHT,
    RECORDS,
    TOTALS,
    PastOutcomes,
    PastTotals,
    Run,
    RunQuerySet,
    Status,
    Step,
    StepQuerySet,
    Trigger,
    Work,
)
from pipelines.models.operations import Capacity, IdempotencyKey, PlatformMinute, Worker
from pipelines.models.quality import QualityReport, ReportKind
from pipelines.models.ticks import Tick

__all__ = [
    "ACTIVE",
    "BY_WEIGHT",
    "RECORDS",
    "TOTALS",
    "Capacity",
    "IdempotencyKey",
    "PastOutcomes",
    "PastTotals",
    "PlatformMinute",
    "QualityReport",
    "ReportKind",
    "Run",
    "RunQuerySet",
    "Status",
    "Step",
    "StepQuerySet",
    "Tick",
    "Trigger",
    "Work",
    "Worker",
]
