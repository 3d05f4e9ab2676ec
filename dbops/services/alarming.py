"""Alerts on the database, one a condition: what is seen each minute opens, changes and resolves them."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from django.db import connections

from alerts import services as alerts
from alerts.models import Alert, Severity
from dbops import conditions, wording
from dbops.conditions import DEFAULT, Condition, Figures, Level, Limits
from dbops.models import Observation
from dbops.readings import Reading
from dbops.services.health import latest_check

SOURCE = "database"
BACKUP = "backup"
LOOK_BACK = timedelta(minutes=10)
"""Looks that are further apart than that are not in a row."""

_SEVERITIES = {Level.WARNING: Severity.WARNING, Level.CRITICAL: Severity.CRITICAL}
_LEVELS = {Severity.WARNING: Level.WARNING, Severity.ERROR: Level.WARNING, Severity.CRITICAL: Level.CRITICAL}


def key(condition: str) -> str:
    """Return the key of the alert on that condition."""
    return f"{SOURCE}:{condition}"


def look(_now: datetime, reading: Reading, limits: Limits = DEFAULT) -> Severity | None:
    """Judge the reading beside the latest observations; return the worst that holds, None for nothing."""
    window = [*_before(reading, limits), conditions.figures(reading)]
    opened = _opened()
    levels = [_settled(each, window, opened, reading, limits) for each in conditions.conditions(limits)]
    worst = conditions.worst([*levels, _backup(opened.get(key(BACKUP)))])
    return None if worst is None else _SEVERITIES[worst]


def _settled(
    condition: Condition,
    window: Sequence[Figures],
    opened: Mapping[str, Alert],
    reading: Reading,
    limits: Limits,
) -> Level | None:
    """Open, change or resolve the alert on one condition; return the level from now on."""
    values = [figures[condition.key] for figures in window]
    alert = opened.get(key(condition.key))
    before = None if alert is None else _LEVELS[Severity(alert.severity)]
    after = conditions.judge(condition, values, before, limits)
    if after is None:
        if before is not None:
            alerts.resolve(key(condition.key))
    elif after is not before or conditions.level(condition, values[-1]) is not None:
        words = wording.words(condition, reading, _database())
        _open(condition.key, after, words)
    return after


def _open(condition: str, level: Level, words: wording.Words) -> None:
    alerts.open(
        key(condition), severity=_SEVERITIES[level], title=words.title, body=words.body, source=SOURCE
    )


def _backup(opened: Alert | None) -> Level | None:
    """Hold an alert from a check that failed to one that did not; one that has not ended says nothing."""
    check = latest_check()
    if check is None or check.finished_at is None:
        return None
    if check.is_verified:
        if opened is not None:
            alerts.resolve(opened.key)
        return None
    if opened is None or opened.updated_at < check.finished_at:  # each failed check is told once
        words = wording.backup_failed(check.target, check.finished_at, check.error, _database())
        _open(BACKUP, Level.CRITICAL, words)
    return Level.CRITICAL


def _opened() -> dict[str, Alert]:
    return {
        alert.key: alert
        for alert in Alert.objects.unresolved().filter(key__startswith=f"{SOURCE}:").order_by()
    }


def _database() -> str:
    return str(connections["default"].settings_dict["NAME"])


# --- What was seen before -------------------------------------------------------------------------
def _before(reading: Reading, limits: Limits) -> list[Figures]:
    """Return the figures of the looks before this one, the oldest first; this one's may be stored already."""
    minute = reading.at.replace(second=0, microsecond=0)
    recent = Observation.objects.between(minute - LOOK_BACK, minute)
    rows = recent.only("at", "utilization", "queries", "blocking", "size")[: limits.clear_looks - 1]
    return [stored(row) for row in reversed(rows)]


def stored(row: Observation) -> Figures:
    """Return the figures of an observation."""
    size = row.size or {}
    age, limit = size.get("xid_age"), size.get("xid_limit")
    return {
        "pool": row.utilization,
        "response_time": row.queries.get("response_s"),
        "size": size.get("database_bytes"),
        "slow_queries": row.queries.get("slow"),
        "blocking": max((each["seconds"] for each in row.blocking), default=0.0),
        "transaction_ids": age / limit if age is not None and limit else None,
    }
