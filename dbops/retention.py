"""What the daily maintenance deletes beside the ledger, the autoscaler's records and partitions, and when."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from auditlog.models import LogEntry
from axes.models import AccessAttempt
from django.contrib.sessions.models import Session
from django.db.models import Model, QuerySet

from accounts.models import SecurityEvent
from alerts.models import Alert
from dbops import models
from pipelines.retention import register_rows

WEEK = timedelta(days=7)
MONTH = timedelta(days=30)
HALF_A_YEAR = timedelta(days=183)
YEAR = timedelta(days=365)

_ROWS: tuple[tuple[str, str, type[Model], str, timedelta], ...] = (
    ("audit-log", "Audit log", LogEntry, "timestamp", YEAR),
    ("sessions", "Expired sessions", Session, "expire_date", WEEK),
    ("security-events", "Security events", SecurityEvent, "at", HALF_A_YEAR),
    # django-axes deletes what is expired at the next failure, which may never come.
    ("login-attempts", "Login attempts that count no more", AccessAttempt, "attempt_time", MONTH),
    ("alerts", "Resolved alerts", Alert, "resolved_at", YEAR),
    ("load-hours", "Hours of load", models.LoadHour, "hour", YEAR),
    ("predictions", "Predictions of load", models.Prediction, "hour", YEAR),
    ("pool-events", "Changes of the pool's size", models.PoolEvent, "timestamp", YEAR),
    ("optimizations", "Hourly optimisations", models.Optimization, "at", YEAR),
    ("maintenances", "Reports of maintenance", models.Maintenance, "timestamp", YEAR),
    ("backup-checks", "Verifications of backups", models.BackupCheck, "started_at", YEAR),
)
"""Name, title, table, the time that counts, and for how long rows are kept after it."""

_OUTLIVED: tuple[tuple[str, str, str, Callable[[datetime], QuerySet[Any]]], ...] = (
    ("observations", "Observations of the database", "at", models.Observation.objects.outlived),
    ("statement-hours", "Hours of statements", "hour", models.StatementHour.objects.outlived),
    ("statements", "Statements that are asked no more", "last_seen", models.Statement.objects.outlived),
    ("relation-hours", "Sizes of tables and indexes", "hour", models.RelationHour.objects.outlived),
)
"""Name, title, the time by which rows go, and the rows that by their own rules nobody needs any more."""


def kept() -> list[tuple[str, timedelta]]:
    """Return for how long what is kept, by its title."""
    fixed = [(title, span) for _, title, _, _, span in _ROWS]
    return [*fixed, ("Observations of the database", models.observations.MINUTES_KEPT)]


def register() -> None:
    """Have them deleted. Of the thresholds the latest ones hold, however old they are."""
    for name, title, table, column, kept in _ROWS:
        register_rows(name, title, _older(table, column, kept))
    register_rows("threshold-changes", "Changes of thresholds", _former_thresholds)
    for name, title, column, outlived in _OUTLIVED:
        register_rows(name, title, _in_order(outlived, column))


def _older(table: type[Model], column: str, kept: timedelta) -> Callable[[datetime], QuerySet[Any]]:
    def old(now: datetime) -> QuerySet[Any]:
        return table._default_manager.filter(**{f"{column}__lt": now - kept}).order_by(column)

    return old


def _in_order(
    outlived: Callable[[datetime], QuerySet[Any]], column: str
) -> Callable[[datetime], QuerySet[Any]]:
    return lambda now: outlived(now).order_by(column)


def _former_thresholds(now: datetime) -> QuerySet[Any]:
    latest = models.ThresholdChange.objects.order_by("-at", "-id").values("pk")[:1]
    old = models.ThresholdChange.objects.filter(at__lt=now - YEAR)
    return old.exclude(pk__in=latest).order_by("at")
