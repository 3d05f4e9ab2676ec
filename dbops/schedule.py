"""The automation's four rhythms; starting and stopping it switches their rows in beat's table."""

from datetime import timedelta

from django.db.models import Q
from django_celery_beat.models import PeriodicTask

from pipelines import registry, schedules

OBSERVE = "dbops.tasks.observe"
ANTICIPATE = "dbops.tasks.anticipate"
OPTIMIZE = "dbops.tasks.optimize"
MAINTENANCE = "database-maintenance"
"""The pipeline of the daily maintenance."""

PERIODS = {OBSERVE: timedelta(minutes=1), ANTICIPATE: timedelta(minutes=15), OPTIMIZE: timedelta(hours=1)}
_TITLES = {
    OBSERVE: "Watch the database",
    ANTICIPATE: "Predict the database's load",
    OPTIMIZE: "Optimise the database",
}


def ensure(**_signal: object) -> None:
    """Create the schedules that are missing."""
    schedules.ensure_pipeline(registry.get(MAINTENANCE))
    for task, period in PERIODS.items():
        schedules.ensure_task(_TITLES[task], task, period)


def rows(*, lock: bool = False) -> list[PeriodicTask]:
    """Return the automation's schedules; with `lock`, for whoever changes them in a transaction."""
    maintenance = [row.pk for row in schedules.rows_of(MAINTENANCE)]
    found = PeriodicTask.objects.filter(Q(task__in=PERIODS) | Q(pk__in=maintenance)).order_by("pk")
    if lock:
        return list(found.select_for_update(of=("self",)))
    return list(found.select_related("interval", "crontab"))
