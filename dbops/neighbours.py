"""What judging asks of the other parts of the automation, each in one place.

A part that is not installed is an error that says so: what depends on it is then told as not done.
"""

from datetime import datetime
from importlib import import_module
from typing import Any

from core.errors import CloudIntelError
from dbops.models import Cause, PoolEvent
from dbops.readings import Reading


class AbsentError(CloudIntelError):
    """A part of the automation is not there."""


def _part(module: str) -> Any:
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        raise AbsentError(f"This installation has no {module}.") from error


def look(now: datetime) -> Reading:
    """Look at the database; writes nothing."""
    reading: Reading = _part("dbops.services.observing").look(now)
    return reading


def emergency(now: datetime, *, cause: Cause, reason: str) -> PoolEvent:
    """Have the pool grow to its maximum at once."""
    event: PoolEvent = _part("dbops.services.scaling").emergency(now, cause=cause, reason=reason)
    return event


def pre_scale(size: int, reason: str, now: datetime) -> PoolEvent | None:
    """Have the pool grow to that size before it is needed; None where it is no smaller."""
    event: PoolEvent | None = _part("dbops.services.scaling").pre_scale(size, reason, now)
    return event


def refresh_stale() -> list[str]:
    """Bring statistics of the planner up to date; return the tables that needed it."""
    tables: list[str] = _part("dbops.services.statistics").refresh_stale()
    return tables


def adapt(now: datetime) -> str | None:
    """Adapt the thresholds; return why they moved, None where they stay."""
    change = _part("dbops.services.learning").adapt(now)
    return None if change is None else f"{change}: {change.reason}"


def cache_report() -> dict[str, Any]:
    """Return what the cache of analytics answers was asked for, and how often it had it."""
    report: dict[str, Any] = _part("analytics.cache").report()
    return report
