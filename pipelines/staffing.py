"""Whether somebody is there to do what waits: the component `workers` of the platform's health."""

from datetime import datetime, timedelta

from django.utils import timezone

from core import health
from core.health import NotReadyError
from pipelines import due, pending, workers

PATIENCE = timedelta(minutes=2)
_begun = timezone.now()
"""When this process began to look."""


def register() -> None:
    """Have the workers looked at wherever health is asked for."""
    health.register("workers", lambda: check(timezone.now()))


def check(now: datetime, *, looking_since: datetime | None = None) -> None:
    """Raises: NotReadyError where no worker is there, and something has been waiting for one.

    A worker is there that said so within 60 seconds. Waiting is what lies ready in the ledger for more than
    two minutes, and a slot of a schedule for which beat's order has not become a run for as long. So
    platforms that are scaled to zero are healthy as long as there is nothing to do. Those that have just been
    started are, too: nothing counts as waiting before this process was there to see it, since the workers may
    still be on their way to what others have left.
    """
    if workers.alive(now):
        return
    waited = _longest_wait(now)
    seen = now - (looking_since or _begun)
    if min(waited, seen) > PATIENCE:
        raise NotReadyError(f"no worker is there, and work has waited for {waited.total_seconds():.0f} s")


def _longest_wait(now: datetime) -> timedelta:
    """Return for how long the oldest work has waited, in the ledger or by a schedule."""
    ready = [now - waiting.since for waiting in pending.by_pipeline().values()]
    return max([*ready, *due.lateness(now).values()], default=timedelta(0))
