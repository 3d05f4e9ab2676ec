"""Keeps a claim while its holder waits for one thing that may take longer than a lease."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection

from core.errors import LeaseLostError
from pipelines.claims import Claim

logger = logging.getLogger(__name__)


def _nothing() -> None:
    """Do nothing about the loss of a lease: the end will tell."""


@contextmanager
def beating(claim: Claim, *, on_loss: Callable[[], object] = _nothing) -> Iterator[None]:
    """Prolong the lease from a thread of its own, three times as often as it would run out.

    `on_loss` is called in that thread where the claim has passed to another, so that the wait can be cut
    short. Raises: LeaseLostError at the end, in that case.
    """
    over = threading.Event()
    heart = threading.Thread(target=_beat, args=(claim, over, on_loss), name="heartbeat", daemon=True)
    heart.start()
    try:
        yield
    finally:
        over.set()
        heart.join()
    claim.renew()


def _beat(claim: Claim, over: threading.Event, on_loss: Callable[[], object]) -> None:
    try:
        while not over.wait(settings.LEASE_S / 3):
            prolong(claim)
    except LeaseLostError:
        on_loss()
    finally:
        connection.close()


def prolong(claim: Claim) -> None:
    """Prolong the lease; while the database is away, the next beat tries again. Raises: LeaseLostError."""
    try:
        claim.prolong()
    except (DatabaseError, InterfaceError) as error:
        logger.warning("%s could not be kept: %s", claim.work, error)
        connection.close()
