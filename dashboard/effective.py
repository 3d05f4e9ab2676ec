"""The settings that hold, and the versions that run: to be looked at, and never a secret among them."""

import platform
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from importlib import metadata
from typing import Any

import redis
from django.conf import settings
from django.db import connection

from core import valkey
from dashboard import written
from dbops import retention


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting by its name in the environment, what it is for, and how its value is written."""

    name: str
    what: str
    how: str = "text"
    empty: str = "not set"

    @property
    def value(self) -> str:
        """Return the value in words; of a `secret`, whether there is one."""
        found: Any = getattr(settings, self.name)
        if found in ("", [], None):
            return self.empty
        if self.how == "secret":
            return "set, and not shown"
        if self.how == "seconds":
            return written.duration(found)
        if self.how == "days":
            return f"{written.number(found)} days"
        return ", ".join(found) if isinstance(found, list) else written.as_format(found, self.how)


GROUPS: tuple[tuple[str, tuple[Setting, ...]], ...] = (
    (
        "Quality",
        (
            Setting("SCALING_MIN_QUALITY", "The autoscaler acts on data of this score and more", "number"),
            Setting("FORECAST_MIN_QUALITY", "Forecasts are made of data of this score and more", "number"),
        ),
    ),
    (
        "Collection",
        (
            Setting("CLOUDINTEL_CLOUD", "Which cloud is asked"),
            Setting("AWS_DAILY_BUDGET_USD", "What scheduled calls may cost an account in a day", "money"),
            Setting("COLLECT_EVERY", "How often is collected", empty="by its schedule"),
            Setting("METRIC_HISTORY_DAYS", "Samples from before an instance was first seen", "days"),
            Setting("BILLING_EXPORTS", "Where billing files are read", empty="nowhere"),
        ),
    ),
    (
        "Autoscaler",
        (
            Setting("SCALING_DAILY_BUDGET_USD", "What its calls may cost an account in a day", "money"),
            Setting("SCALING_ACTIONS_PER_HOUR", "Actions in an hour, at most", "number"),
        ),
    ),
    (
        "Intelligence",
        (
            Setting("FORECAST_SERIES", "Series that are forecast a night, at most", "number"),
            Setting("SAVINGS_TIME_ZONE", "In which zone the hours of schedules lie"),
            Setting("CARBON_DAYS", "Over how long emissions are estimated", "days"),
        ),
    ),
    (
        "Database",
        (
            Setting("PGBOUNCER_ADMIN_URL", "The console of PgBouncer", "secret", "none: the pool is watched"),
            Setting("POOL_MIN_SIZE", "The smallest pool", "number"),
            Setting("POOL_MAX_SIZE", "The largest pool", "number"),
            Setting("POOL_STEP", "By how much it changes", "number"),
            Setting("POOL_COOLDOWN_S", "For how long it is left alone then", "seconds"),
            Setting("BACKUP_TARGET", "Where backups are kept"),
            Setting("BACKUP_KEEP", "Backups that are kept", "number"),
        ),
    ),
    (
        "Notifications",
        (
            Setting("SMTP_URL", "The server that takes e-mail", "secret"),
            Setting("ALERTS_FROM", "Whom e-mail comes from"),
            Setting("WEBHOOK_ALLOWED_HOSTS", "Private hosts that webhooks may reach", empty="none"),
        ),
    ),
    (
        "Watching",
        (
            Setting("METRICS_TOKEN", "The token for /metrics", "secret", "not set: users alone"),
            Setting("LOG_LEVEL", "What is logged"),
        ),
    ),
)
"""What is shown, by what it is about. Addresses that may hold passwords are secrets."""


def kept() -> Iterator[tuple[str, str]]:
    """Yield for how long what is kept."""
    spans = [
        ("Samples of metrics", timedelta(days=settings.METRIC_RETENTION_DAYS)),
        ("Runs", timedelta(days=settings.RUN_RETENTION_DAYS)),
        *retention.kept(),
    ]
    return ((what, f"{written.number(span.days)} days") for what, span in spans)


def versions() -> list[tuple[str, str | None]]:
    """Return what runs here in which version; None where it does not say."""
    packages = [(name, metadata.version(name)) for name in ("Django", "celery")]
    return [
        ("Python", platform.python_version()),
        *packages,
        ("PostgreSQL", _postgresql()),
        ("Valkey", _valkey()),
    ]


def _postgresql() -> str:
    major, minor = divmod(connection.cursor().connection.server_version, 10_000)
    return f"{major}.{minor}"


def _valkey() -> str | None:
    try:
        told: dict[str, Any] = valkey.client().info("server")
    except redis.RedisError:
        return None
    return str(told.get("valkey_version") or told.get("redis_version"))
