"""Does claimed work: plans runs and executes their steps."""

import logging
from collections.abc import Callable

from django.db import InterfaceError, OperationalError
from structlog.contextvars import bound_contextvars

from core.errors import AccessRefusedError, CloudIntelError, LeaseLostError
from pipelines import claims, registry
from pipelines.claims import Claim
from pipelines.registry import Handler

logger = logging.getLogger(__name__)

# Neither is the work's fault: the lease runs out and another worker takes over where this one stopped.
_INTERRUPTIONS = (LeaseLostError, OperationalError, InterfaceError)


def plan(run_id: int) -> None:
    """Plan the run if nobody else does; safe to call twice."""
    _work(claims.claim_run(run_id), lambda claim: claim.plan(_handler(claim).plan()))


def execute(step_id: int) -> None:
    """Do the step if nobody else does; safe to call twice."""
    _work(claims.claim_step(step_id), _execute)


def _execute(claim: Claim) -> None:
    claim.end(counts=_handler(claim).execute(claim.step))


def _handler(claim: Claim) -> Handler:
    factory = registry.get(claim.run.pipeline).handler
    if factory is None:
        raise TypeError(f"Pipeline {claim.run.pipeline!r} has neither children nor a handler.")
    return factory(claim)


def _work(claim: Claim | None, do: Callable[[Claim], None]) -> None:
    """Do the claimed work; whatever goes wrong becomes its outcome.

    Raises: OperationalError, InterfaceError when the database went away; the work is taken over later.
    """
    if claim is None:
        return
    with bound_contextvars(run_id=claim.run.pk, pipeline=claim.run.pipeline):
        logger.info("%s started, attempt %d", claim.work, claim.work.attempt)
        try:
            _attempt(claim, do)
        except LeaseLostError as lost:
            logger.warning("%s", lost)


def _attempt(claim: Claim, do: Callable[[Claim], None]) -> None:
    try:
        do(claim)
    except _INTERRUPTIONS:
        raise
    except Exception as error:  # noqa: BLE001 - whatever goes wrong is the outcome, and logged
        claim.end(error=_reason(error, claim), refused=isinstance(error, AccessRefusedError))


def _reason(error: Exception, claim: Claim) -> str:
    """Return what to tell the user; an error nobody foresaw is logged and told without its details."""
    if isinstance(error, CloudIntelError):
        logger.warning("%s: %s", claim.work, error)
        return str(error)
    logger.error("%s failed", claim.work, exc_info=error)
    return f"Internal error ({type(error).__name__}); the worker's log has the details."
