"""The stub's metric values: for each metric and statistic a table of text, of which each series is a slice.

A value depends on the instance's number, the metric and the period's number since the epoch, and on nothing
else; a maximum is twice the average, a minimum half of it. Values have as many digits as CloudWatch's.
"""

import random
from dataclasses import dataclass
from functools import cache

SIZE = 8192
_STRIDE = 7919
SAMPLES_EVERY_S = 300


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric that the stub publishes; `offset` keeps the metrics of one instance apart."""

    namespace: str
    name: str
    unit: str
    offset: int


METRICS = {
    (metric.namespace, metric.name): metric
    for metric in (
        Metric("AWS/EC2", "CPUUtilization", "Percent", 0),
        Metric("AWS/EC2", "NetworkIn", "Bytes", 1013),
        Metric("AWS/EC2", "NetworkOut", "Bytes", 2027),
        Metric("CWAgent", "mem_used_percent", "Percent", 3041),
    )
}
STATISTICS = {"Average": 1.0, "Maximum": 2.0, "Minimum": 0.5, "Sum": 1.0}
"""What each statistic multiplies the table's value by."""

SAMPLE_COUNT = "SampleCount"


class _Table:
    """Texts of one width, end to end and around again, forwards and backwards."""

    def __init__(self, texts: list[str]) -> None:
        self.texts = texts
        self._width = len(texts[0]) + 1
        self._forwards = ",".join(texts * 2)
        self._backwards = ",".join(texts[::-1] * 2)

    def run(self, first: int, count: int, *, newest_first: bool) -> str:
        """Return `count` texts from the place `first` on, joined by commas."""
        if count > SIZE:
            halves = [(first, SIZE), (first + SIZE, count - SIZE)]
            parts = [self.run(*half, newest_first=newest_first) for half in halves]
            return ",".join(parts[::-1] if newest_first else parts)
        text, begin = self._forwards, first % SIZE
        if newest_first:
            text, begin = self._backwards, -(first + count) % SIZE
        return text[begin * self._width : (begin + count) * self._width - 1]


@cache
def _table(unit: str, factor: float) -> _Table:
    chance = random.Random(unit)  # noqa: S311  # not for secrets: the same table in every process
    if unit == "Bytes":
        return _Table([f"{factor * chance.randrange(2_000_000, 4_999_999):.1f}" for _ in range(SIZE)])
    return _Table([f"{factor * chance.uniform(20.0, 49.9):.14f}" for _ in range(SIZE)])


def _place(metric: Metric, number: int, slot: int) -> int:
    return number * _STRIDE + metric.offset + slot


def value(metric: Metric, statistic: str, number: int, *, at_s: int, period_s: int) -> float:
    """Return what the stub says of one period of an instance, beginning `at_s` seconds after the epoch."""
    if statistic == SAMPLE_COUNT:
        return float(_samples(period_s))
    table = _table(metric.unit, STATISTICS[statistic])
    return float(table.texts[_place(metric, number, at_s // period_s) % SIZE])


def values(
    metric: Metric,
    statistic: str,
    number: int,
    *,
    first_slot: int,
    count: int,
    period_s: int,
    newest_first: bool,
) -> str:
    """Return the values of consecutive periods as JSON text without brackets."""
    if statistic == SAMPLE_COUNT:
        return _constant(f"{_samples(period_s)}.0", count)
    table = _table(metric.unit, STATISTICS[statistic])
    return table.run(_place(metric, number, first_slot), count, newest_first=newest_first)


def _samples(period_s: int) -> int:
    return max(1, period_s // SAMPLES_EVERY_S)


@cache
def _constant(text: str, count: int) -> str:
    return ",".join([text] * count)
