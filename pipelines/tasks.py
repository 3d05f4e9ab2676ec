"""The ledger's tasks; thin, since every rule is in the ledger."""

from datetime import timedelta

from celery import shared_task

from pipelines import repair, runner, schedules


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
    schedules.start_due(pipeline)


@shared_task
def reconcile() -> None:
    """Repair what was lost: runs of dead workers, messages, slots missed while beat was away."""
    repair.take_over_lost_work()
    repair.publish_waiting(unheard_for=timedelta(seconds=10))
    schedules.start_all_due()
