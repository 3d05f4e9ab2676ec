"""Between which sizes the pool may be kept at present."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection

from dbops.models import Action, PoolEvent
from dbops.pool.base import Pool, PoolError
from dbops.sizing import Limits

DIRECT_SESSIONS = 10
"""Places left on the server for sessions around the pool: migrations, dumps, observation, people."""

_SERVER = """
    SELECT sum(setting::int) FILTER (WHERE name = 'max_connections'),
        coalesce(sum(setting::int) FILTER (WHERE name <> 'max_connections'), 0)
    FROM pg_settings
    WHERE name IN ('max_connections', 'superuser_reserved_connections', 'reserved_connections')"""


def of(pool: Pool, now: datetime) -> Limits:
    """Return the settings' limits, as far as PgBouncer and the server can carry them.

    What cannot be resized is as large as somebody made it; of that a step more is proposed at most.
    """
    most, why = min(_largest(pool), key=lambda each: each[0])
    reserved, why_reserved = _reserved(now)
    return Limits(
        minimum=min(settings.POOL_MIN_SIZE, most),
        maximum=most,
        step=settings.POOL_STEP,
        cooldown=timedelta(seconds=settings.POOL_COOLDOWN_S),
        reserved=reserved,
        why_maximum=why,
        why_reserved=why_reserved,
    )


def _largest(pool: Pool) -> list[tuple[int, str]]:
    """Return what the pool cannot grow beyond, and why; the settings alone where it cannot be asked."""
    wanted = (settings.POOL_MAX_SIZE, "")
    try:
        if pool.why_fixed():
            return [max(wanted, (pool.size() + settings.POOL_STEP, "that is a step above what it has"))]
        ceiling = pool.ceiling()
    except PoolError:
        return [wanted]
    return [wanted, _room(), *([ceiling] if ceiling else [])]


def _room() -> tuple[int, str]:
    """Return how many of the server's connections a pool may take."""
    with connection.cursor() as cursor:
        cursor.execute(_SERVER)
        allowed, kept = cursor.fetchone()
    others = kept + DIRECT_SESSIONS
    return max(1, allowed - others), f"the server allows {allowed} and {others} of them are kept for others"


def _reserved(now: datetime) -> tuple[int, str]:
    """Return what the pool was given for a predicted hour, until that hour is over."""
    this_hour = now.replace(minute=0, second=0, microsecond=0)
    made = PoolEvent.objects.filter(action=Action.PRE_SCALE_UP, applied=True)
    last = made.filter(timestamp__gte=this_hour - timedelta(hours=1), timestamp__lte=now).first()
    if last is None:
        return 0, ""
    end = last.timestamp.replace(minute=0, second=0, microsecond=0) + timedelta(hours=2)
    return last.to_size, f"{last.to_size} are kept for a predicted peak until {end:%H:%M} UTC"
