"""Series of samples for the tests of the rules: a list a metric, a sample every 30 seconds, None unknown."""

from types import SimpleNamespace

import numpy as np

from scaling.columns import METRICS, Samples
from scaling.rules import Policies, evaluate, reach_s
from scaling.windows import Windows

CLOUDWATCH, MOCK, SIMULATED = 1, 2, 3
NEWEST_US = 800_000_000_000_000
"""The time of each series' newest sample; its age is counted from here."""


def policy(**fields):
    """A policy with the defaults of models.ScalingPolicy, as far as rules and guard read it."""
    limits = {"cpu_high": 90, "memory_high": 90, "cpu_low": 10, "memory_low": 20, "share": 0.8}
    window = {"window_s": 300, "min_samples": 4, "min_span_s": 120}
    levels = {"min_level": 1, "max_level": 10, "cooldown_up_s": 300, "cooldown_down_s": 300}
    return SimpleNamespace(**{**limits, **window, **levels, "allow_restart": False, **fields})


def series(cpu, memory=None, network_in=None, network_out=None, *, every_s=30, outlier=0, source=MOCK):
    """One instance's samples, oldest first."""
    count = len(cpu)
    metrics = [
        [None] * count if values is None else values for values in (cpu, memory, network_in, network_out)
    ]
    ages_s = every_s * np.arange(count - 1, -1, -1)
    return SimpleNamespace(
        time=NEWEST_US - ages_s * 1_000_000,
        values=np.array(metrics, np.float64).reshape(len(METRICS), count),
        outlier=np.broadcast_to(np.array(outlier, np.int16), count),
        source=np.broadcast_to(np.array(source, np.int16), count),
    )


def samples(*several):
    """The samples of several instances, whose keys count from 1."""
    return Samples(
        np.repeat(np.arange(1, len(several) + 1, dtype=np.int32), [len(each.time) for each in several]),
        np.concatenate([each.time for each in several]).astype(np.int64),
        np.concatenate([each.source for each in several]),
        np.concatenate([each.outlier for each in several]),
        np.concatenate([each.values for each in several], axis=1),
    )


def windows(*several, reach_us=300_000_000):
    instances = np.arange(1, len(several) + 1, dtype=np.int32)
    return Windows.of(samples(*several), instances, np.full(len(several), reach_us, np.int64))


def judged(*several, age_s=15, every_s=30, **fields):
    """The verdicts on several instances of one policy, `age_s` after the newest sample."""
    policies = Policies.of([policy(**fields)] * len(several))
    period_s = np.full(len(several), float(every_s))
    found = Windows.of(
        samples(*several),
        np.arange(1, len(several) + 1, dtype=np.int32),
        (reach_s(policies.window_s, period_s) * 1e6).astype(np.int64),
    )
    return evaluate(found, policies, NEWEST_US + age_s * 1_000_000, period_s)
