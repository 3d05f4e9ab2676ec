"""Does claimed work: plans runs and executes their steps."""

import logging
from collections.abc import Callable
from typing import Any

from django.db import InterfaceError, OperationalError
from structlog.contextvars import bound_contextvars

from core.errors import (
    AccessRefusedError,
    CloudIntelError,
    CredentialsRefusedError,
    LeaseLostError,
    NotYetError,
    TransientCloudError,
)
from pipelines import claims, registry
from pipelines.claims import Claim
from pipelines.ledger import Refusal
from pipelines.registry import Handler

logger = logging.getLogger(__name__)

# Not the work's fault, up to a point: what meets them for ever is no interruption any more.
_INTERRUPTIONS = (OperationalError, InterfaceError)
MOST_ATTEMPTS = 30


def plan(run_id: int) -> None:
    """Plan the run if nobody else does; safe to call twice."""
    _work(claims.claim_run(run_id), _plan)


def execute(step_id: int) -> None:
    """Do the step if nobody else does; safe to call twice."""
    _work(claims.claim_step(step_id), _execute)


def _plan(claim: Claim) -> None:
    # One that was resumed has its plan already.
    if claim.work.attempt > 1 and claim.run.steps.exists():
        claim.go_on()
    else:
        claim.plan(_handler(claim).plan())


def _execute(claim: Claim) -> None:
    claim.end(counts=_handler(claim).execute(claim.step))


def _handler(claim: Claim) -> Handler:
    factory = registry.get(claim.run.pipeline).handler
    if factory is None:
        raise TypeError(f"Pipeline {claim.run.pipeline!r} has neither children nor a handler.")
    return factory(claim)


def _work(claim: Claim | None, do: Callable[[Claim], None]) -> None:
    """Do the claimed work; whatever goes wrong becomes its outcome.

    Raises: OperationalError, InterfaceError when the database went away; the work is done again later.
    """
    if claim is None:
        return
    with bound_contextvars(**_context(claim)):
        logger.info("%s started, attempt %d", claim.work, claim.work.attempt)
        try:
            _attempt(claim, do)
        except LeaseLostError as lost:
            logger.warning("%s", lost)
        except _INTERRUPTIONS:
            claim.interrupted()
            raise


def _context(claim: Claim) -> dict[str, Any]:
    """Return what each line about the work says: its run, and the run that this is a part of."""
    run = claim.run
    whole = {} if run.parent_id is None else {"parent_run_id": run.parent_id}
    return {"run_id": run.pk, "pipeline": run.pipeline, **whole}


def _attempt(claim: Claim, do: Callable[[Claim], None]) -> None:
    try:
        do(claim)
    except LeaseLostError:
        raise
    except NotYetError as wait:
        logger.info("%s waits %.1f s: %s", claim.work, wait.wait_s, wait)
        claim.put_back(wait_s=wait.wait_s)
    except TransientCloudError as error:
        reason = _reason(error, claim)
        if not claim.retry(error=reason):
            claim.end(error=reason)
    except Exception as error:
        interrupted = isinstance(error, _INTERRUPTIONS)
        if interrupted and claim.work.attempt < MOST_ATTEMPTS:
            raise
        # What the database never lets end may be the conclusion of the run.
        claim.end(error=_reason(error, claim), refused=_refusal(error), conclude=not interrupted)


def _refusal(error: Exception) -> Refusal | None:
    if isinstance(error, CredentialsRefusedError):
        return Refusal.OF_SUBJECT
    return Refusal.OF_KIND if isinstance(error, AccessRefusedError) else None


def _reason(error: Exception, claim: Claim) -> str:
    """Return what to tell the user; an error nobody foresaw is logged and told without its details."""
    if isinstance(error, CloudIntelError):
        logger.warning("%s: %s", claim.work, error)
        return str(error)
    logger.error("%s failed", claim.work, exc_info=error)
    return f"Internal error ({type(error).__name__}); the worker's log has the details."
