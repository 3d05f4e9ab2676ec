"""Decides what size the pool shall have, has it take that size, and records both.

One row is locked meanwhile, so that of several workers with the same reading one decides.
"""

import logging
from dataclasses import replace
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from accounts.models import User
from dbops import anticipating, sizing
from dbops.models import Action, Cause, PoolEvent, PoolState
from dbops.pool import choice
from dbops.pool.base import Pool, PoolError
from dbops.readings import PoolReading
from dbops.services import bounds, learning
from dbops.sizing import Decision, Evaluation

logger = logging.getLogger(__name__)

_TOLD_AGAIN = timedelta(hours=1)
_SETTLED = timedelta(seconds=30)
"""After so long a reading that shows another size than was decided was not taken before the decision."""


# --- What is decided -------------------------------------------------------------------------
def evaluate(reading: PoolReading, now: datetime, *, requested_by: User | None = None) -> Evaluation:
    """Decide by what was just seen of the pool, and carry it out."""
    pool = choice.chosen()
    with transaction.atomic():
        state = _locked()
        if _is_outdated(reading, state, now):
            return _outdated(reading, state)
        limits = bounds.of(pool, now)
        found = anticipating.judge(
            reading,
            learning.thresholds(),
            limits,
            learning.guide(now, reading.demand, maximum=limits.maximum),
            changed_at=state.decided_at,
            now=now,
        )
        if found.decision == Decision.MAINTAIN:
            return found
        cause = Cause.CRITICAL if found.decision == Decision.EMERGENCY_SCALE_UP else Cause.OBSERVATION
        event = PoolEvent(
            timestamp=now,
            action=Action(found.decision),
            from_size=found.current_pool_size,
            to_size=found.recommended_pool_size,
            reason=found.reason,
            trigger=Cause.OPERATOR if requested_by else cause,
            requested_by=requested_by,
        )
        _carry_out(event, pool, state)
    return replace(found, reason=event.reason, applied=event.applied)


def emergency(now: datetime, *, cause: Cause, reason: str, requested_by: User | None = None) -> PoolEvent:
    """Have the pool grow to its maximum at once, whatever the cooldown.

    What changes nothing is recorded when an operator asks for it, else once in a cooldown.
    Raises: PoolError where not even the present size is known.
    """
    pool = choice.chosen()
    with transaction.atomic():
        state = _locked()
        limits = bounds.of(pool, now)
        size = _size(pool, state)
        event = PoolEvent(
            timestamp=now,
            action=Action.EMERGENCY_SCALE_UP,
            from_size=size,
            to_size=max(size, limits.maximum),
            reason=f"{reason.rstrip('.')}: to the maximum at once; {sizing.at_most(limits)}.",
            trigger=cause,
            requested_by=requested_by,
        )
        return _carry_out(event, pool, state)


def pre_scale(size: int, reason: str, now: datetime) -> PoolEvent | None:
    """Have the pool grow for a predicted peak; None where it is large enough.

    It keeps what it was given until the hour after this one is over. Raises: PoolError, as `emergency`.
    """
    pool = choice.chosen()
    with transaction.atomic():
        state = _locked()
        limits = bounds.of(pool, now)
        current, wanted = _size(pool, state), min(size, limits.maximum)
        if wanted <= current:
            return None
        event = PoolEvent(
            timestamp=now,
            action=Action.PRE_SCALE_UP,
            from_size=current,
            to_size=wanted,
            reason=f"{reason.rstrip('.')}{f'; {sizing.at_most(limits)}' if wanted < size else ''}.",
            trigger=Cause.PREDICTION,
        )
        return _carry_out(event, pool, state)


def reconcile() -> bool:
    """Give the pool its wanted size again where it has lost it; tell whether it had. Raises: PoolError.

    PgBouncer forgets what its console set when it reloads its configuration, and when it restarts. As long
    as nothing was decided, the pool keeps a size of its own.
    """
    pool = choice.chosen()
    with transaction.atomic():
        wanted = _locked().wanted_size
        if wanted is None or (found := pool.size()) == wanted or pool.why_fixed():
            return False
        ceiling = pool.ceiling()
        if ceiling and found == min(wanted, ceiling[0]):
            return False
        pool.resize(wanted)
    logger.warning("The pool had %d connections instead of %d; it has them again", found, wanted)
    return True


# --- The state -------------------------------------------------------------------------------
def _locked() -> PoolState:
    """Return the one row, which nobody else decides on before this transaction ends."""
    PoolState.objects.get_or_create(pk=1)
    return PoolState.objects.select_for_update().get(pk=1)


def _size(pool: Pool, state: PoolState) -> int:
    """Return the pool's size, or where it cannot be asked what it was given last. Raises: PoolError."""
    try:
        return pool.size()
    except PoolError:
        if state.wanted_size is None:
            raise
        return state.wanted_size


def _is_outdated(reading: PoolReading, state: PoolState, now: datetime) -> bool:
    """Say whether another worker changed the size after the reading was taken."""
    if state.wanted_size is None or state.decided_at is None:
        return False
    return reading.size != state.wanted_size and now - state.decided_at < _SETTLED


def _outdated(reading: PoolReading, state: PoolState) -> Evaluation:
    return Evaluation(
        decision=Decision.MAINTAIN,
        reason=f"It was given {state.wanted_size} connections while it was looked at: look again.",
        current_pool_size=reading.size,
        recommended_pool_size=reading.size,
        utilization=reading.utilization,
        thresholds=learning.thresholds(),
    )


# --- What is done ----------------------------------------------------------------------------
def _carry_out(event: PoolEvent, pool: Pool, state: PoolState) -> PoolEvent:
    """Resize the pool and record it; what failed is recorded as not applied, and may be tried again."""
    failure = _resize(event, pool)
    event.applied = not failure
    if failure:
        event.reason = f"{event.reason} Not applied: {failure}"
    elif event.to_size != event.from_size:
        state.wanted_size, state.decided_at = event.to_size, event.timestamp
        state.save()
        event.save()
        return event
    if (last := PoolEvent.objects.first()) and event.requested_by is None and _says_the_same(last, event):
        return last
    event.save()
    return event


def _resize(event: PoolEvent, pool: Pool) -> str:
    """Give the pool its new size; say what prevents it."""
    try:
        if why := pool.why_fixed():
            return why
        if event.to_size != event.from_size:
            pool.resize(event.to_size)
    except PoolError as error:
        logger.warning("The pool cannot be given %d connections: %s", event.to_size, error)
        return str(error)
    return ""


def _says_the_same(last: PoolEvent, event: PoolEvent) -> bool:
    """Say whether it was recorded already: in the cooldown, or within an hour where it cannot be done."""
    quiet = timedelta(seconds=settings.POOL_COOLDOWN_S)
    same: tuple[str, ...] = ("action", "applied", "from_size", "to_size")
    if not event.applied:
        quiet, same = max(quiet, _TOLD_AGAIN), ("action", "applied")
    return event.timestamp - last.timestamp < quiet and all(
        getattr(last, name) == getattr(event, name) for name in same
    )
