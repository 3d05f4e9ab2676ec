"""The autoscaler's two rhythms: each slot is taken once, and its shards once each."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from pipelines import messages, schedules, ticks
from pipelines.models import Tick

SHARDS = 4
"""Into so many parts a tick is divided, whatever is monitored.

Two for each process of the smallest worker, so that none is idle for long while another finishes. A part
costs about ten queries, however little is in it: more of them would burden small installations, and fewer
would hold more instances' windows in one process.
"""
QUEUE = "critical"


@dataclass(frozen=True, slots=True)
class Rhythm:
    """What is due every few seconds: beat sends its task, which sends another for each shard."""

    name: str
    done: str
    period: timedelta
    title: str

    @property
    def task(self) -> str:
        return f"scaling.tasks.{self.name}"

    def begin(self, now: datetime) -> bool:
        """Order the shards of a slot; False where the slot is somebody else's."""
        slot = ticks.claim(self.name, self.period, now)
        if slot is None:
            return False
        for shard in range(SHARDS):
            messages.order(
                f"{self.task}_shard",
                slot.isoformat(),
                shard,
                queue=QUEUE,
                expires_s=self.period.total_seconds(),
            )
        return True

    @contextmanager
    def part(self, slot: datetime, shard: int) -> Iterator[bool]:
        """Say whether a shard of a slot is to be done, and note that it was unless an error shows otherwise.

        It is not where the message is a copy, or late: a later slot has begun.
        """
        is_ours = self._take(f"{self.name}/{shard}", slot)
        yield is_ours
        if is_ours:
            self._take(f"{self.done}/{shard}", slot)

    def _take(self, name: str, slot: datetime) -> bool:
        return ticks.take(name, slot, self.period, ticks.now())

    def lag(self, now: datetime) -> timedelta:
        """Return for how long the shard that is furthest behind has been due; zero where nothing sends it."""
        names = [f"{self.done}/{shard}" for shard in range(SHARDS)]
        taken = Tick.objects.filter(name__in=names, slot__lte=ticks.horizon(self.period, now))
        done = dict(taken.values_list("name", "slot"))
        began = schedules.first_due(self.task)
        last = [done.get(name, began) for name in names]
        oldest = min((moment for moment in last if moment is not None), default=now)
        return max(now - oldest - self.period, timedelta(0)) if began else timedelta(0)


MEASURE = Rhythm("measure", "measured", timedelta(seconds=30), "Measure managed instances")
DECIDE = Rhythm("decide", "decided", timedelta(seconds=15), "Decide about scaling")


def ensure(**_signal: object) -> None:
    """Create the schedules that are missing."""
    for rhythm in (MEASURE, DECIDE):
        schedules.ensure_task(rhythm.title, rhythm.task, rhythm.period)
