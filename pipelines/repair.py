"""Repairs what was lost: the work of dead workers, and messages."""

import logging
from collections.abc import Iterator
from datetime import timedelta

from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Now

from pipelines import alarms, ledger
from pipelines.models import Run, Status, Step

logger = logging.getLogger(__name__)

MAX_LOST_WORKERS = 4


def take_over_lost_work() -> int:
    """Queue again what a dead worker held, or fail it when that has happened too often; return how many."""
    return sum(_take_over(work) for work in list(_lost()))


def _lost() -> Iterator[Run | Step]:
    lost = {"status": Status.RUNNING, "lease_until__lt": Now()}
    yield from Run.objects.filter(**lost)
    yield from Step.objects.filter(**lost).select_related("run")


def _take_over(work: Run | Step) -> bool:
    logger.warning("%s lost its worker %s on attempt %d", work, work.worker, work.attempt)
    if work.lost_workers + 1 < MAX_LOST_WORKERS:
        return _set(work, status=Status.QUEUED, published_at=None)
    return _give_up(work)


def _set(work: Run | Step, **values: object) -> bool:
    """Change work that is still lost; what has been taken over meanwhile stays as it is."""
    held = type(work)._default_manager.filter(
        pk=work.pk, fence=work.fence, status=Status.RUNNING, lease_until__lt=Now()
    )
    return bool(held.update(lease_until=None, lost_workers=F("lost_workers") + 1, **values))


def _give_up(work: Run | Step) -> bool:
    error = f"Its worker was lost {MAX_LOST_WORKERS} times; start it again when the cause is found."
    with transaction.atomic():
        if not _set(work, status=Status.FAILED, finished_at=Now(), error=error):
            return False
        if isinstance(work, Run):
            alarms.ended(work.pk, error=error, lost=True)
            ledger.advance(work)
        else:
            ledger.finish_if_done(work.run_id)
    logger.error("%s failed: %s", work, error)
    return True


def publish_waiting(*, unheard_for: timedelta) -> int:
    """Publish again what is ready and whose last message is older than that; return how many."""
    unheard = Q(published_at=None) | Q(published_at__lte=Now() - unheard_for)
    runs = list(ledger.ready_runs().filter(unheard).values_list("pk", flat=True))
    for run_id in runs:
        ledger.publish(run_id)
    return len(runs) + ledger.send_steps(ledger.ready_steps().filter(unheard))
