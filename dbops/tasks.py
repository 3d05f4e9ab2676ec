"""The automation's tasks; thin, since each calls one service."""

from datetime import timedelta

from celery import shared_task

from dbops.schedule import OPTIMIZE
from dbops.services import optimizing
from pipelines import ticks


@shared_task
def optimize() -> None:
    """Optimise, unless that was done for this hour already."""
    now = ticks.now()
    if ticks.claim(OPTIMIZE, timedelta(hours=1), now):
        optimizing.optimize(now)
