"""The ledger's tasks; thin, since every rule is in the ledger."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial

from celery import shared_task

from pipelines import due, freshness, repair, runner, ticks, watching


@shared_task
def plan_run(run_id: int) -> None:
    """Plan one run; safe to repeat, the ledger refuses a second copy."""
    runner.plan(run_id)


@shared_task
def execute_step(step_id: int) -> None:
    """Do one step; safe to repeat, the ledger refuses a second copy."""
    runner.execute(step_id)


@shared_task
def start_scheduled(pipeline: str) -> None:
    """Start what is due of the pipeline, unless it was started already."""
    due.start_due(pipeline)


@shared_task
def watch() -> None:
    """Look at the platform itself; safe to repeat, a minute is written once."""
    watching.watch()


@shared_task
def watch_freshness() -> None:
    """Tell of a day whose data were not there in time, and of its data once they are."""
    freshness.watch(ticks.now())


@shared_task
def reconcile() -> None:
    """Repair what was lost: runs of dead workers, messages, slots missed while beat was away."""
    failed = [error for part in _REPAIRS if (error := _tried(part))]
    if failed:
        raise failed[0]


_REPAIRS: tuple[Callable[[], object], ...] = (
    repair.take_over_lost_work,
    partial(repair.publish_waiting, unheard_for=timedelta(seconds=10)),
    due.start_all_due,
)


def _tried(part: Callable[[], object]) -> Exception | None:
    """Do one part of the repair; the others are to be done whatever it meets."""
    try:
        part()
    except Exception as error:  # noqa: BLE001 - it is raised once all parts have been tried
        return error
    return None
