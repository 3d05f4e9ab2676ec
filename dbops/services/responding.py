"""What is done at once about what was found; only a pool that is used up is helped by a larger one."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings

from alerts.models import Severity
from core.errors import CloudIntelError
from dbops import conditions
from dbops.conditions import DEFAULT, Level, Limits
from dbops.models import Action, Cause, PoolEvent
from dbops.readings import PoolReading, Reading
from dbops.services import scaling


@dataclass(frozen=True, slots=True)
class Hands:
    """What can be done to the pool."""

    emergency: Callable[..., PoolEvent] = scaling.emergency
    pre_scale: Callable[[int, str, datetime], PoolEvent | None] = scaling.pre_scale


@dataclass(frozen=True, slots=True)
class Response:
    """What was done, if anything, and why so."""

    event: PoolEvent | None
    reason: str


def respond(
    severity: Severity | None,
    reading: Reading,
    now: datetime,
    *,
    hands: Hands | None = None,
    limits: Limits = DEFAULT,
) -> Response:
    """Enlarge a pool that is used up now; everything else is told by its alert and its recommendation.

    `severity` is the worst alert that holds; without one the load is only learned from.
    """
    if severity is None:
        return Response(None, "No alert holds; the load is learned from as it is rolled up.")
    worst = _pool_level(reading, limits)
    if worst is None:
        return Response(None, "What holds is not helped by more connections; its alert says what to do.")
    try:
        return _enlarged(worst, reading.pool, now, hands or Hands())
    except CloudIntelError as error:
        return Response(None, f"The pool could not be enlarged: {error}")


def _pool_level(reading: Reading, limits: Limits) -> Level | None:
    """Judge the pool by this look alone: an alert may hold for minutes after it."""
    figures = conditions.figures(reading)
    helped = (each for each in conditions.conditions(limits) if each.helped_by_pool)
    return conditions.worst([conditions.level(each, figures[each.key]) for each in helped])


def _enlarged(level: Level, pool: PoolReading, now: datetime, hands: Hands) -> Response:
    if pool.size >= settings.POOL_MAX_SIZE:
        return Response(None, f"The pool has its maximum of {settings.POOL_MAX_SIZE} connections already.")
    action = Action.EMERGENCY_SCALE_UP if level is Level.CRITICAL else Action.PRE_SCALE_UP
    if _decided_lately(action, now):
        return Response(None, f"That was decided less than {settings.POOL_COOLDOWN_S} s ago.")
    reason = (
        f"Alert ({level.name.lower()}): {pool.utilization:.0%} of {pool.size} connections used, "
        f"{pool.waiting:g} waiting."
    )
    if level is Level.CRITICAL:
        return Response(hands.emergency(now, cause=Cause.CRITICAL, reason=reason), reason)
    event = hands.pre_scale(wanted_size(pool), reason, now)
    return Response(event, reason if event else "The pool is to have that size already.")


def _decided_lately(action: Action, now: datetime) -> bool:
    """Tell whether it was: a pool whose size cannot be changed would make a decision of every minute."""
    since = now - timedelta(seconds=settings.POOL_COOLDOWN_S)
    lately = PoolEvent.objects.filter(action=action, timestamp__gt=since, timestamp__lte=now)
    return lately.exclude(trigger=Cause.OPERATOR).exists()


def wanted_size(pool: PoolReading, limits: Limits = DEFAULT) -> int:
    """Return a size, larger by steps, of which the demand uses no more than the share that warns."""
    needed = math.ceil(pool.demand / limits.pool_warning)
    steps = max(1, math.ceil((needed - pool.size) / settings.POOL_STEP))
    return min(pool.size + steps * settings.POOL_STEP, settings.POOL_MAX_SIZE)
