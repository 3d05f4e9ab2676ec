"""The autoscaler's rhythm: whether ticks keep it for N mocks (20,000) while the API is asked all the time.

Web, worker-critical and beat run as `make run` has them, for SECONDS (120); CLIENTS (4) threads ask for the
metrics of one instance after another. A tick takes from the moment that its slot is claimed, wherever in the
slot beat's clock happens to strike, until the last of its shards is done.
"""

import os
import random
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from statistics import median, quantiles

import requests
from django.db import connection
from django_celery_beat.models import PeriodicTask

from accounts import tokens
from accounts.models import User
from benchmarks import tick
from benchmarks.bench_collect import database_url, running
from cloudintel_project import processes, programs
from pipelines import schedules
from pipelines.models import Tick
from scaling.models import ManagedInstance
from scaling.ticking import DECIDE, MEASURE, SHARDS, Rhythm

_WATCHED_EVERY_S = 0.1


@dataclass
class Watch:
    """When each slot of a rhythm was claimed, and when its shards were done."""

    rhythm: Rhythm
    claimed: dict[datetime, datetime] = field(default_factory=dict)
    done: dict[datetime, dict[str, datetime]] = field(default_factory=lambda: defaultdict(dict))

    def look(self) -> None:
        """Note what has been done since the last look."""
        names = [f"{self.rhythm.done}/{shard}" for shard in range(SHARDS)]
        rows = Tick.objects.filter(name__in=[self.rhythm.name, *names])
        for name, slot, at in rows.values_list("name", "slot", "claimed_at"):
            if name == self.rhythm.name:
                self.claimed[slot] = at
            else:
                self.done[slot][name] = at

    def took_s(self) -> list[float]:
        """Return how long after its claim each slot was done, all of its shards."""
        return [
            (max(shards.values()) - self.claimed[slot]).total_seconds()
            for slot, shards in self.done.items()
            if len(shards) == SHARDS and slot in self.claimed
        ]

    def missed(self, seconds: float) -> int:
        """Return how many slots of that time were not done; the first and the last one may be cut short."""
        due = int(timedelta(seconds=seconds) / self.rhythm.period) - 1
        return max(0, due - len(self.took_s()))


def measure() -> dict[str, float]:
    """Return the slots that were missed, how long ticks took, and what the clients saw meanwhile."""
    size = {name: int(os.environ.get(name, usual)) for name, usual in _USUAL.items()}
    tick.prepare(size["N"])
    PeriodicTask.objects.filter(task=schedules.START).update(enabled=False)
    port = processes.free_port()
    env = {**os.environ, "DATABASE_URL": database_url(), "LOG_LEVEL": "WARNING", "PORT": str(port)}
    workers = programs.web("127.0.0.1", port, env=env), programs.worker_critical(env=env)
    watches = [Watch(DECIDE), Watch(MEASURE)]
    with running(*workers, programs.beat(env=env)):
        _until(lambda: Tick.objects.filter(name=f"{MEASURE.done}/0").exists())
        waits_s = _load(f"http://127.0.0.1:{port}", size, watches)
    return {"n": size["N"], **_rhythm(watches, size["SECONDS"]), **_answers(waits_s, size["SECONDS"])}


_USUAL = {"N": 20_000, "SECONDS": 120, "CLIENTS": 4}


def _until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 90
    while not is_so():
        if time.monotonic() > deadline:
            raise SystemExit("The first tick did not come.")
        time.sleep(_WATCHED_EVERY_S)


def _load(url: str, size: dict[str, int], watches: Sequence[Watch]) -> list[float]:
    """Ask the API from several threads, watch the ticks meanwhile, and return the seconds of each answer."""
    end = time.monotonic() + size["SECONDS"]
    ids = list(ManagedInstance.objects.values_list("instance_id", flat=True))
    token = tokens.issue(User.objects.get(managed_instances__instance_id=ids[0]))
    connection.close()
    with ThreadPoolExecutor(size["CLIENTS"]) as pool:
        asked = [pool.submit(_ask, url, token, ids, end) for _ in range(size["CLIENTS"])]
        while time.monotonic() < end:
            for watch in watches:
                watch.look()
            time.sleep(_WATCHED_EVERY_S)
        return [wait_s for answers in asked for wait_s in answers.result()]


def _ask(url: str, token: str, ids: Sequence[str], end: float) -> list[float]:
    waits_s = []
    with requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {token}"
        while time.monotonic() < end:
            start = time.perf_counter()
            answer = session.get(f"{url}/api/metrics/{random.choice(ids)}", timeout=30)  # noqa: S311 - load
            waits_s.append(time.perf_counter() - start)
            answer.raise_for_status()
    return waits_s


def _rhythm(watches: Sequence[Watch], seconds: int) -> dict[str, float]:
    figures: dict[str, float] = {}
    for watch in watches:
        took_s = watch.took_s()
        figures |= {
            f"{watch.rhythm.name}_missed": watch.missed(seconds),
            f"{watch.rhythm.name}_median_s": round(median(took_s), 2),
            f"{watch.rhythm.name}_most_s": round(max(took_s), 2),
        }
    return figures


def _answers(waits_s: Sequence[float], seconds: int) -> dict[str, float]:
    return {
        "requests_per_s": round(len(waits_s) / seconds, 1),
        "p50_ms": round(1000 * median(waits_s), 1),
        "p95_ms": round(1000 * quantiles(waits_s, n=20)[-1], 1),
    }
