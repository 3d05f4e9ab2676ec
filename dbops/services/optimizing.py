"""The hourly optimisation: does what is safe to do at any time, proposes the rest, and remembers both."""

import logging
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

import psycopg2
import redis
from django.db import DatabaseError

from analytics import cache
from core.errors import CloudIntelError
from dbops.advice import Advice
from dbops.models import Optimization, StatementHour
from dbops.services import learning, recommending, statistics
from dbops.wording import many

logger = logging.getLogger(__name__)

DONE, SKIPPED, FAILED = "success", "skipped", "failed"
_HOUR = timedelta(hours=1)
_FAILURES = (CloudIntelError, DatabaseError, psycopg2.Error, redis.RedisError)


class NothingKnownError(CloudIntelError):
    """There is nothing to go by; the message says why."""


def _adapt(now: datetime) -> str | None:
    """Adapt the thresholds; return why they moved, None where they stay."""
    change = learning.adapt(now)
    return None if change is None else f"{change}: {change.reason}"


@dataclass(frozen=True, slots=True)
class Steps:
    """What an optimisation consists of, in this order; each returns what it did in words."""

    refresh_stale: Callable[[], list[str]] = statistics.refresh_stale
    adapt: Callable[[datetime], str | None] = _adapt
    cache_report: Callable[[], Any] = cache.report
    advice: Callable[[datetime], Advice] = recommending.advice


def optimize(now: datetime, *, steps: Steps | None = None) -> Optimization:
    """Do all steps, whichever of them fail, and store what was done, what was not and why, and what to do."""
    steps = steps or Steps()
    advised: list[Advice] = []

    def advise() -> str:
        advised.append(steps.advice(now))
        return _counted(advised[0])

    done = [
        _attempted("statistics", lambda: _refreshed(steps.refresh_stale())),
        _attempted("statements", lambda: _statements(now)),
        _attempted("advice", advise),
        _attempted("thresholds", lambda: steps.adapt(now) or "The thresholds stay as they are."),
        _attempted("analytics cache", lambda: _cache(steps.cache_report())),
    ]
    proposed = [asdict(each) for advice in advised for each in advice.recommendations]
    return Optimization.objects.create(at=now, done=done, proposed=proposed)


def _attempted(task: str, step: Callable[[], str]) -> dict[str, str]:
    """Do a step; one that fails is told, and leaves the others alone."""
    try:
        return {"task": task, "status": DONE, "detail": step()}
    except NothingKnownError as error:
        return {"task": task, "status": SKIPPED, "detail": str(error)}
    except _FAILURES as error:
        logger.warning("Optimisation: %s failed: %s", task, error)
        return {"task": task, "status": FAILED, "detail": str(error).partition("\n")[0]}


# --- The steps in words ---------------------------------------------------------------------------
def _refreshed(tables: Iterable[str]) -> str:
    names = list(tables)
    return (
        f"Analysed {many(len(names), 'table')}: {', '.join(names)}."
        if names
        else "No table's statistics are stale."
    )


def _statements(now: datetime) -> str:
    """Say what the minute's looks have rolled up of the last hour. Raises: NothingKnownError."""
    statements = recommending.costliest(now - _HOUR, now, 1)
    if not statements:
        raise NothingKnownError("No statement was counted in the last hour.")
    lately = StatementHour.objects.filter(hour__gt=now - 2 * _HOUR, hour__lte=now)
    number = lately.order_by().values("statement").distinct().count()
    top = statements[0]
    return (
        f"{many(number, 'statement was', 'statements were')} counted in this hour and the one before; the "
        f"most costly, {top.query_id}, took {top.total_ms / 1000:.1f} s in {many(top.calls, 'call')}."
    )


def _counted(advice: Advice) -> str:
    unknown = "".join(f" Unknown: {each.subject} ({each.reason})" for each in advice.unknown)
    return f"{many(len(advice.recommendations), 'recommendation')}.{unknown}"


def _cache(report: dict[str, Any]) -> str:
    """Say how often answers came from the cache. Raises: NothingKnownError."""
    rate = report.get("hit_rate")
    if rate is None:
        raise NothingKnownError(str(report.get("reason") or "No analytics answer was asked for."))
    return f"{rate:.1%} of the analytics answers came from the cache."
