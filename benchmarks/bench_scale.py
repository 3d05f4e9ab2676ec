"""More workers: how much sooner four worker processes of one slot each are done than one of them.

The same collection as in `bench-collect`, of N instances (10,000) at LATENCY_MS a call (300), is done by
either number of workers in turn, ROUNDS times (5).
"""

import os
from dataclasses import replace
from statistics import median

from benchmarks.bench_collect import Figures, Scale, collected, running_stub, running_workers

WORKERS = (1, 4)
DEFAULTS = {"N": "10000", "LATENCY_MS": "300", "SLOTS": "1", "ROUNDS": "5"}


def measure() -> Figures:
    """Return the median seconds of each number of workers, and the median ratio of rounds side by side."""
    os.environ.update(DEFAULTS | os.environ)
    scale = Scale()
    rounds: list[list[float]] = []
    with running_stub(scale) as (stub, url):
        for _ in range(scale.rounds):
            took = []
            for workers in WORKERS:
                with running_workers(replace(scale, workers=workers), url):
                    took.append(collected(scale, stub, url)["seconds"])
            rounds.append(took)
    return {
        "n": scale.instances,
        "latency_ms": scale.latency_ms,
        **{
            f"seconds_{workers}": round(median(took), 2)
            for workers, took in zip(WORKERS, zip(*rounds, strict=True), strict=True)
        },
        "ratio": round(median(one / four for one, four in rounds), 2),
    }
