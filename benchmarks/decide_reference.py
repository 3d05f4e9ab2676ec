"""The scaling rules for one instance, sample by sample: the loop to beat, and the oracle that tests ask.

It shares no code with `scaling`: what both say alike was thought of twice.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

FLAGS = (0b11, 0b1100, 0b110000, 0b11000000)
WEIGHTS = (2, 2, 1, 1)


class Sample(NamedTuple):
    """A moment in microseconds, where it is from, two bits of flags a metric, and four metrics.

    None is unknown. The sources are those of models.Source: 1 is CloudWatch, 3 simulated.
    """

    time_us: int
    source: int
    outlier: int
    cpu: float | None
    memory: float | None
    network_in: float | None
    network_out: float | None


class Answer(NamedTuple):
    """The rule that spoke, 1 up, 0 hold or -1 down, and the votes where it came to them."""

    rule: str
    direction: int
    votes_up: int = 0
    votes_down: int = 0


def window(samples: Sequence[Sample], policy: Any, period_s: float) -> list[Sample]:
    """Return the samples, oldest first, that are later than the newest less the window."""
    if not samples:
        return []
    cut_us = samples[-1].time_us - max(policy.window_s, 5 * period_s) * 1_000_000
    return [sample for sample in samples if sample.time_us > cut_us]


def decide(samples: Sequence[Sample], policy: Any, now_us: int, period_s: float) -> Answer:
    """Ask the rules in their order about a window."""
    if samples and now_us - samples[-1].time_us > (2 * period_s + 180) * 1_000_000:
        return Answer("stale", 0)
    known = [sample.time_us for sample in samples if sample.cpu is not None or sample.memory is not None]
    if len(known) < policy.min_samples or known[-1] - known[0] < policy.min_span_s * 1_000_000:
        return Answer("insufficient", 0)
    may_lack_memory = all(each.memory is None for each in samples) or any(
        each.source == 3 for each in samples
    )
    if sum(is_low(each, policy, may_lack_memory) for each in samples) / len(samples) >= policy.share:
        return Answer("sustained_down", -1)
    if sum(is_hot(sample, policy) for sample in samples) / len(samples) >= policy.share:
        return Answer("sustained_up", 1)
    up, down = votes(samples, policy.min_samples, 2 if is_uneven(samples, period_s) else 4)
    if up >= 2:
        return Answer("iqr", 1, up, down)
    return Answer("iqr", -1, up, down) if down >= 2 else Answer("steady", 0, up, down)


def is_low(sample: Sample, policy: Any, may_lack_memory: bool) -> bool:  # noqa: FBT001
    """Say whether CPU is low, and memory too, unless it is unknown and may be."""
    if sample.cpu is None or sample.cpu >= policy.cpu_low:
        return False
    return may_lack_memory if sample.memory is None else sample.memory < policy.memory_low


def is_hot(sample: Sample, policy: Any) -> bool:
    """Say whether CPU or memory is high."""
    if sample.cpu is not None and sample.cpu > policy.cpu_high:
        return True
    return sample.memory is not None and sample.memory > policy.memory_high


def is_uneven(samples: Sequence[Sample], period_s: float) -> bool:
    """Say whether neighbours from CloudWatch are not about a period apart."""
    return any(
        before.source == after.source == 1
        and not 0.9 <= (after.time_us - before.time_us) / (period_s * 1_000_000) <= 1.5
        for before, after in pairwise(samples)
    )


def votes(samples: Sequence[Sample], min_samples: int, metrics: int) -> tuple[int, int]:
    """Return the votes up and down of the first metrics whose newest value is outside its window's fences."""
    up = down = 0
    for metric in range(metrics):
        newest = samples[-1][3 + metric]
        base = sorted(
            value
            for sample in samples
            if (value := sample[3 + metric]) is not None and not sample.outlier & FLAGS[metric]
        )
        if newest is None or len(base) < min_samples:
            continue
        q1, median, q3 = quantile(base, 0.25), quantile(base, 0.5), quantile(base, 0.75)
        reach = 1.5 * max(q3 - q1, 7.0 if metric < 2 else 0.25 * median + 100_000.0)
        up += WEIGHTS[metric] * (newest > q3 + reach)
        down += WEIGHTS[metric] * (newest < q1 - reach)
    return up, down


def quantile(ordered: Sequence[float], share: float) -> float:
    """Return a quantile, between two values by straight line."""
    position = (len(ordered) - 1) * share
    below = int(position)
    low, high = ordered[below], ordered[min(below + 1, len(ordered) - 1)]
    return low + (high - low) * (position - below)
