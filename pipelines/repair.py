"""Repairs what was lost: the work of dead workers, and messages."""

import logging
from datetime import timedelta

from django.db import DatabaseError, connection, transaction
from django.db.models import F, Q
from django.db.models.functions import Now

from pipelines import alarms, ending, history, ledger, messages, registry
from pipelines.history import MAX_LOST_WORKERS, Ending
from pipelines.models import Run, Status, Step

logger = logging.getLogger(__name__)

PATIENCE = "2s"


def take_over_lost_work() -> int:
    """Queue again what a dead worker held, or fail it when that has happened too often; return how many."""
    return _take_over(Q(lease_until__lt=Now()))


def take_over_from(node: str) -> int:
    """Do the same with all that the node holds, its lease run out or not; return how many."""
    count = _take_over(_held_by(node))
    if count:
        publish_waiting()
    return count


def give_back(node: str) -> int:
    """Queue again what the node holds but will not finish; nothing was lost. Return how many."""
    given = {
        "status": Status.QUEUED,
        "lease_until": None,
        "published_at": None,
        "fence": F("fence") + 1,
        "history": history.ended(Ending.GIVEN_BACK),
    }
    held = _held_by(node) & Q(status=Status.RUNNING, lease_until__isnull=False)
    count = Run.objects.filter(held).update(**given) + Step.objects.filter(held).update(**given)
    if count:
        logger.info("%s gave back %d pieces of work", node, count)
        publish_waiting()
    return count


def _held_by(node: str) -> Q:
    return Q(worker__startswith=f"{node}/")


def _take_over(lost: Q) -> int:
    running = lost & Q(status=Status.RUNNING, lease_until__isnull=False)
    runs, steps = Run.objects.filter(running), Step.objects.filter(running).select_related("run")
    return sum(_tried(work, running) for work in [*runs, *steps])


def _tried(work: Run | Step, lost: Q) -> bool:
    """Take it over, or leave it to the next round: what one piece of work meets must not hold up others."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            # A worker that stalls while it writes keeps the row locked.
            cursor.execute(f"SET LOCAL lock_timeout = '{PATIENCE}'")
            return _take_over_one(work, lost)
    except DatabaseError as error:
        logger.error("%s could not be taken over: %s", work, error)  # noqa: TRY400 - no news in a trace
        return False


def _take_over_one(work: Run | Step, lost: Q) -> bool:
    logger.warning("%s lost its worker %s on attempt %d", work, work.worker, work.attempt)
    if work.lost_workers + 1 < MAX_LOST_WORKERS:
        again = history.ended(Ending.LOST)
        return _set(work, lost, status=Status.QUEUED, published_at=None, history=again)
    return _give_up(work, lost)


def _set(work: Run | Step, lost: Q, **values: object) -> bool:
    """Change work that is still lost; what has been taken over meanwhile stays as it is."""
    held = type(work)._default_manager.filter(lost, pk=work.pk, fence=work.fence)
    # The fence rises now, so that a worker which only seemed dead cannot write while the work waits.
    fallen = {"lease_until": None, "lost_workers": F("lost_workers") + 1, "fence": F("fence") + 1}
    return bool(held.update(**fallen, **values))


def _give_up(work: Run | Step, lost: Q) -> bool:
    error = f"Its worker was lost {MAX_LOST_WORKERS} times; start it again when the cause is found."
    with transaction.atomic():
        last = history.ended(Status.FAILED, error=error)
        if not _set(work, lost, status=Status.FAILED, finished_at=Now(), error=error, history=last):
            return False
        if isinstance(work, Run):
            alarms.ended(work.pk, error=error, lost=True)
            ending.advance(work)
        else:
            ending.finish_if_done(work.run_id)
    logger.error("%s failed: %s", work, error)
    return True


def publish_waiting(*, unheard_for: timedelta = timedelta(0)) -> int:
    """Publish again what is ready, but not in the broker, by its numbers; return how many.

    Messages are taken in order, so that those missing are most likely the oldest. What was published less
    than `unheard_for` ago is left to its message.
    """
    queues = (messages.ALONE, *registry.queues())
    return sum(_publish_missing(queue, unheard_for) for queue in queues)


def _sent_through(queue: str, pipeline: str) -> Q:
    """Say of what the queue tells; `pipeline` is the column that names the pipeline."""
    if queue == messages.ALONE:
        return Q(lost_workers__gt=0)
    alive = Q(lost_workers=0)
    if queue == registry.USUAL_QUEUE:
        # What belongs to a pipeline that is not known any more is told here, too.
        return alive & ~Q(**{f"{pipeline}__in": registry.elsewhere()})
    return alive & Q(**{f"{pipeline}__in": registry.through(queue)})


def _publish_missing(queue: str, unheard_for: timedelta) -> int:
    runs = ledger.ready_runs().filter(_sent_through(queue, "pipeline"))
    steps = ledger.ready_steps().filter(_sent_through(queue, "run__pipeline"))
    ready = runs.count() + steps.count()
    waiting = messages.waiting(queue) if ready else 0
    missing = 0 if waiting is None else ready - waiting
    unheard = Q(published_at=None) | Q(published_at__lte=Now() - unheard_for)
    oldest = F("published_at").asc(nulls_first=True)
    told = 0
    if missing > 0:
        for run in runs.filter(unheard).order_by(oldest)[:missing]:
            told += ledger.publish_again(run)
        told += ledger.send_steps(steps.filter(unheard).order_by(oldest)[: max(0, missing - told)])
    return told
