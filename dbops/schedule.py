"""The automation's four rhythms; starting and stopping it switches their rows in beat's table."""

from datetime import timedelta

from django_celery_beat.models import PeriodicTask

from pipelines import schedules

OBSERVE = "dbops.tasks.observe"
ANTICIPATE = "dbops.tasks.anticipate"
OPTIMIZE = "dbops.tasks.optimize"
MAINTENANCE = "database-maintenance"
"""The pipeline of the daily maintenance."""


def ensure(**_signal: object) -> None:
    """Create the schedules that are missing; that of the daily maintenance comes with its pipeline."""
    schedules.ensure_task("Watch the database", OBSERVE, timedelta(minutes=1))
    schedules.ensure_task("Predict the database's load", ANTICIPATE, timedelta(minutes=15))
    schedules.ensure_task("Optimise the database", OPTIMIZE, timedelta(hours=1))


def rows() -> list[PeriodicTask]:
    """Return the automation's schedules."""
    tasks = PeriodicTask.objects.filter(task__in=(OBSERVE, ANTICIPATE, OPTIMIZE))
    return [*schedules.rows_of(MAINTENANCE), *tasks.select_related("interval", "crontab").order_by("pk")]
