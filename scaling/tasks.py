"""The autoscaler's tasks; thin, since all of them call one service."""

from datetime import datetime

from celery import shared_task

from pipelines import ticks
from scaling.services import acting, deciding, lateness, mock, polling
from scaling.ticking import DECIDE, MEASURE, SHARDS


@shared_task
def measure() -> None:
    """Have all monitored instances measured, unless that was begun for this slot already."""
    now = ticks.now()
    lateness.look(now)
    if MEASURE.begin(now):
        polling.start(now)
        acting.resume_forgotten()


@shared_task
def measure_shard(slot: str, shard: int) -> None:
    """Measure the mocks of one shard; safe to repeat, and does nothing for a slot that is over."""
    moment = datetime.fromisoformat(slot)
    with MEASURE.part(moment, shard) as is_ours:
        if is_ours:
            mock.measure(moment, shard, SHARDS)


@shared_task
def decide() -> None:
    """Have all monitored instances decided about, unless that was begun for this slot already."""
    DECIDE.begin(ticks.now())


@shared_task
def decide_shard(slot: str, shard: int) -> None:
    """Decide about the instances of one shard; safe to repeat, and does nothing for a slot that is over."""
    moment = datetime.fromisoformat(slot)
    with DECIDE.part(moment, shard) as is_ours:
        if is_ours:
            deciding.decide(moment, shard, SHARDS)


@shared_task
def read_metrics(ids: list[int], period_s: int) -> None:
    """Read the metrics of those of a batch that are due; safe to repeat, each is claimed once a period."""
    polling.read(ids, period_s)
