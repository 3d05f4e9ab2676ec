"""The ledger's tasks; thin, since every rule is in the ledger."""

from datetime import timedelta

from celery import shared_task

from pipelines import ledger, runner, schedules


@shared_task
def execute_run(run_id: int) -> None:
    """Execute one run; safe to repeat, the ledger refuses a second copy."""
    runner.execute(run_id)


@shared_task
def start_scheduled(pipeline: str) -> None:
    """Start the pipeline's latest slot, unless it was started already."""
    schedules.start_due(pipeline)


@shared_task
def reconcile() -> None:
    """Repair what was lost: runs of dead workers, messages, slots missed while beat was away."""
    ledger.take_over_lost_runs()
    ledger.publish_waiting(unheard_for=timedelta(seconds=60))
    schedules.start_all_due()
