"""The automation's tasks; thin, since each calls one service."""

from celery import shared_task

from dbops import schedule
from dbops.services import anticipating, optimizing, watching
from pipelines import ticks


@shared_task
def observe() -> None:
    """Look at the database and answer what is seen, unless that was done for this minute already."""
    now = ticks.now()
    if slot := ticks.claim(schedule.OBSERVE, schedule.PERIODS[schedule.OBSERVE], now):
        # Beat may be a little early: what is seen belongs to the minute that was taken.
        watching.watch(max(now, slot))


@shared_task
def anticipate() -> None:
    """Learn, predict and make room ahead, unless that was done for this quarter of an hour already."""
    now = ticks.now()
    if ticks.claim(schedule.ANTICIPATE, schedule.PERIODS[schedule.ANTICIPATE], now):
        anticipating.anticipate(now)


@shared_task
def optimize() -> None:
    """Optimise, unless that was done for this hour already."""
    now = ticks.now()
    if ticks.claim(schedule.OPTIMIZE, schedule.PERIODS[schedule.OPTIMIZE], now):
        optimizing.optimize(now)
