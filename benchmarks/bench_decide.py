"""Deciding: the scaling rules over 100,000 instances at once, beside a bare sort and a loop in plain Python.

`vs_sort` is the time of `rules.evaluate` as a multiple of `np.sort` of the same values, whichever of two
layouts sorts faster; `vs_python` is how many times longer the loop of `decide_reference` takes, measured on a
part of the instances and scaled. Answers that differ are no result. `tick_seconds` is a whole tick of as many
instances, from reading to writing (benchmarks.tick).
"""

import gc
import time
from collections.abc import Callable
from statistics import median
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks import decide_reference as reference
from benchmarks import tick
from scaling.columns import METRICS, Samples
from scaling.rules import Policies, Verdicts, evaluate
from scaling.windows import Windows

INSTANCES, SAMPLES, PERIOD_S = 100_000, 10, 30
LOOPED = 5_000
ROUNDS = 9
NOW_US = 800_000_000_000_000
MOCK = 2

POLICY = SimpleNamespace(
    cpu_high=90,
    memory_high=90,
    cpu_low=10,
    memory_low=20,
    share=0.8,
    window_s=300,
    min_samples=4,
    min_span_s=120,
)


def estate(instances: int) -> Samples:
    """Make ten samples of each instance: nine of ten go about their work, the others idle, burn or jump.

    Memory is unknown for a fifth of them, and one value in fifty is missing.
    """
    random = np.random.default_rng(4)
    usual = random.uniform([20, 30, 1e5, 1e5], [70, 70, 1e7, 1e7], (instances, 4)).T
    values = usual[..., np.newaxis] * random.normal(1, 0.03, (4, instances, SAMPLES))
    values[:2, random.random(instances) < 0.04] *= 0.1
    values[:2, random.random(instances) < 0.03] = 95
    values[:, random.random(instances) < 0.03, -1] *= 1.4
    values[1, random.random(instances) < 0.2] = np.nan
    values[random.random(values.shape) < 0.02] = np.nan
    values[:2] = np.clip(values[:2], 0, 100)
    ages_s = PERIOD_S * np.arange(SAMPLES - 1, -1, -1)
    return Samples(
        np.repeat(np.arange(instances, dtype=np.int32), SAMPLES),
        np.tile(NOW_US - (15 + ages_s) * 1_000_000, instances),
        np.full(instances * SAMPLES, MOCK, np.int16),
        np.where(random.random(instances * SAMPLES) < 0.01, 1, 0).astype(np.int16),
        values.reshape(len(METRICS), -1),
    )


def windows(samples: Samples, instances: int) -> Windows:
    """Return the windows of all instances."""
    return Windows.of(
        samples, np.arange(instances, dtype=np.int32), np.full(instances, 300_000_000, np.int64)
    )


def rows(samples: Samples, instances: int) -> list[list[reference.Sample]]:
    """Return the same samples as the reference has them, a list for each of the first instances."""
    count = instances * SAMPLES
    columns = [
        [None if np.isnan(value) else value for value in metric[:count].tolist()] for metric in samples.values
    ]
    kept = (column[:count].tolist() for column in (samples.time, samples.source, samples.outlier))
    whole = list(map(reference.Sample, *kept, *columns))
    return [whole[start : start + SAMPLES] for start in range(0, count, SAMPLES)]


def seconds(action: Callable[[], Any]) -> float:
    """Return how long something takes, without the collector of garbage."""
    gc.collect()
    gc.disable()
    start = time.perf_counter()
    action()
    taken = time.perf_counter() - start
    gc.enable()
    return taken


def sorts(samples: Samples, instances: int) -> dict[str, Callable[[], npt.NDArray[np.float64]]]:
    """Return the bare sorts of all windows along their samples: as they lie, and samples before instances."""
    natural = np.ascontiguousarray(samples.values.reshape(len(METRICS), instances, SAMPLES))
    samples_first = np.ascontiguousarray(natural.transpose(0, 2, 1))
    return {
        "natural": lambda: np.sort(natural, axis=2),
        "samples_first": lambda: np.sort(samples_first, axis=1),
    }


def differing(verdicts: Verdicts, answers: list[reference.Answer]) -> int:
    """Return of how many instances the two ways say different things."""
    found = (
        (
            verdicts.rule_name(i),
            int(verdicts.direction[i]),
            int(verdicts.votes_up[i]),
            int(verdicts.votes_down[i]),
        )
        for i in range(len(answers))
    )
    return sum(ours != theirs for ours, theirs in zip(found, answers, strict=True))


def measure() -> dict[str, float]:
    """Return the two ratios, the median milliseconds that they come from, and the seconds of whole ticks."""
    samples = estate(INSTANCES)
    found, looped = windows(samples, INSTANCES), rows(samples, LOOPED)
    policies, period_s = Policies.of([POLICY] * INSTANCES), np.full(INSTANCES, float(PERIOD_S))
    ways: dict[str, Callable[[], Any]] = {
        "evaluate": lambda: evaluate(found, policies, NOW_US, period_s),
        "loop": lambda: [reference.decide(window, POLICY, NOW_US, PERIOD_S) for window in looped],
        "windows": lambda: windows(samples, INSTANCES),
        **sorts(samples, INSTANCES),
    }
    if different := differing(ways["evaluate"](), ways["loop"]()):
        raise SystemExit(f"Of {different} instances the rules and the loop say different things.")
    rounds = [{name: seconds(way) for name, way in ways.items()} for _ in range(ROUNDS)]
    taken = {name: median(each[name] for each in rounds) for name in ways}
    taken["loop"] *= INSTANCES / LOOPED
    return {
        "n": INSTANCES,
        "vs_sort": round(taken["evaluate"] / min(taken["natural"], taken["samples_first"]), 2),
        "vs_python": round(taken["loop"] / taken["evaluate"], 1),
        "evaluate_ms": round(taken["evaluate"] * 1e3, 1),
        "windows_ms": round(taken["windows"] * 1e3, 1),
        "sort_natural_ms": round(taken["natural"] * 1e3, 1),
        "sort_samples_first_ms": round(taken["samples_first"] * 1e3, 1),
        "loop_ms": round(taken["loop"] * 1e3, 1),
        **tick.measure(INSTANCES),
    }
