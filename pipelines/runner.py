"""Executes a claimed run, step by step."""

import logging

from django.db import InterfaceError, OperationalError
from structlog.contextvars import bound_contextvars

from core.errors import AccessRefusedError, CloudIntelError, LeaseLostError
from pipelines import ledger, registry
from pipelines.ledger import Claim
from pipelines.models import Status, Step
from pipelines.registry import Handler

logger = logging.getLogger(__name__)

# Neither is the work's fault: the lease runs out and another worker takes over where this one stopped.
_INTERRUPTIONS = (LeaseLostError, OperationalError, InterfaceError)


def execute(run_id: int) -> None:
    """Execute the run if nobody else does; safe to call twice.

    Raises: OperationalError, InterfaceError when the database went away; the run is taken over later.
    """
    claim = ledger.claim(run_id)
    if claim is None:
        return
    with bound_contextvars(run_id=claim.run.pk, pipeline=claim.run.pipeline):
        _execute(claim)


def _execute(claim: Claim) -> None:
    logger.info("%s started, attempt %d", claim.run, claim.run.attempt)
    try:
        error, refused = _execute_steps(claim)
        outcome = claim.finish(error=error, refused=refused)
    except LeaseLostError as lost:
        logger.warning("%s", lost)
    else:
        logger.info("%s %s", claim.run, outcome)


def _execute_steps(claim: Claim) -> tuple[str, bool]:
    """Plan the run and do its steps.

    Return the error that stopped it as a whole, empty for none, and whether that is the cloud's refusal.
    """
    factory = registry.get(claim.run.pipeline).handler
    if factory is None:
        raise TypeError(f"Pipeline {claim.run.pipeline!r} has neither children nor a handler.")
    try:
        handler = factory(claim)
        if not claim.run.steps.exists():
            claim.plan(handler.plan())
    except Exception as error:  # noqa: BLE001 - whatever goes wrong is the run's outcome, and logged
        return _reason(error, f"{claim.run}: planning"), _is_refusal(error)
    for step in claim.run.steps.filter(status__in=(Status.QUEUED, Status.RUNNING)):
        _execute_step(claim, handler, step)
    return "", False


def _execute_step(claim: Claim, handler: Handler, step: Step) -> None:
    claim.begin(step)
    try:
        counts = handler.execute(step.name)
    except Exception as error:  # noqa: BLE001 - whatever goes wrong is the step's outcome, and logged
        claim.end(step, error=_reason(error, str(step)), refused=_is_refusal(error))
    else:
        claim.end(step, counts=counts)


def _is_refusal(error: Exception) -> bool:
    return isinstance(error, AccessRefusedError)


def _reason(error: Exception, where: str) -> str:
    """Return what to tell the user; an error nobody foresaw is logged and told without its details.

    Raises: the error itself when it is an interruption.
    """
    if isinstance(error, _INTERRUPTIONS):
        raise error
    if isinstance(error, CloudIntelError):
        logger.warning("%s: %s", where, error)
        return str(error)
    logger.error("%s failed", where, exc_info=error)
    return f"Internal error ({type(error).__name__}); the worker's log has the details."
