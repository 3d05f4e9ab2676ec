"""What an instance used, from what is stored of its days: histograms of samples, or a day's highest CPU.

Daily figures, which reach back further than samples do, tell of a day's CPU no more than its average and its
highest value. That one then stands for the 99th percentile, which is never above it: such a day is taken for
busier than it may have been, and what is recommended all the same can only be the safer.

Both directions of the network are counted separately. Below the sum of their 99.5th percentiles lie 99 % of
the sums at least, since each of the two exceeds its own in half a percent of the samples.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache

import numpy as np

from analytics.savings.usage import LEAST_OF_A_DAY, SHARE, Floats, Load, Usage
from collectors.samples.histogram import DIGITS, Bytes, Percent

PERIOD_S = 300
"""Samples are read with this period, whatever an instance publishes (collectors.services.metrics)."""

SAMPLES_A_DAY = 86_400 // PERIOD_S

_MBIT_A_SAMPLE = 8 / (PERIOD_S * 1e6)
_EACH_DIRECTION = (1 + SHARE) / 2

_BUCKETS = 200
"""More than any scale has."""

# Floats hold such whole numbers exactly, and are multiplied much faster than integers.
_PLACES = 10.0 ** np.arange(DIGITS - 1, -1, -1)

Weighted = tuple[Floats, Floats]
"""Values in ascending order, and how many samples have each."""


@dataclass(frozen=True, slots=True)
class Samples:
    """One metric's samples of a day."""

    count: int
    total: float
    highest: float
    histogram: Decimal

    @property
    def share(self) -> float:
        """Return which share of the day's samples there are."""
        return min(1.0, self.count / SAMPLES_A_DAY)

    def weighted(self, scale: Percent | Bytes) -> Weighted:
        """Return the values by the middles of their buckets, none above the highest."""
        text = f"{self.histogram:f}"
        whole = text.zfill(-(-len(text) // DIGITS) * DIGITS).encode()
        counts = (np.frombuffer(whole, np.uint8).reshape(-1, DIGITS)[::-1] - float(ord("0"))) @ _PLACES
        filled = np.flatnonzero(counts)
        return np.minimum(_middles(scale)[filled], self.highest), counts[filled]


@dataclass(frozen=True, slots=True)
class Peak:
    """What a daily figure tells of the CPU, in percent; `share` is that of the hours which it covers."""

    average: float
    highest: float
    share: float


@dataclass(frozen=True, slots=True)
class Day:
    """What is stored of a day; None is unknown."""

    cpu: Samples | None = None
    memory: Samples | None = None
    network_in: Samples | None = None
    network_out: Samples | None = None
    peak: Peak | None = None


def usage(days: Sequence[Day]) -> Usage | None:
    """Sum up a window of days, the unknown ones being empty; None where the CPU is known of no day."""
    told = [_cpu(day) for day in days]
    cpu = _load(told, SHARE)
    if cpu is None:
        return None
    peaks = sum(each is not None and each.is_peak for each in told)
    note = f"Of {peaks} days the highest CPU stands for the 99th percentile: their samples are not known."
    return Usage(
        coverage=sum(each.share for each in told if each is not None) / len(days),
        cpu=cpu,
        memory=_load([_told(day.memory, Percent()) for day in days], SHARE),
        network=_network(days),
        notes=(note,) if peaks else (),
    )


def percentile(values: Weighted, share: float) -> float:
    """Return the value at or below which that share of the samples lies, by nearest rank."""
    ascending, counts = values
    upto = np.cumsum(counts)
    return float(ascending[min(np.searchsorted(upto, share * upto[-1]), len(upto) - 1)])


def joined(days: Sequence[Weighted]) -> Weighted:
    """Put the values of several days together."""
    values, counts = (np.concatenate(column) for column in zip(*days, strict=True))
    order = np.argsort(values, kind="stable")
    return values[order], counts[order]


@cache
def _middles(scale: Percent | Bytes) -> Floats:
    return np.array([scale.middle(bucket) for bucket in range(_BUCKETS)])


@dataclass(frozen=True, slots=True)
class _Told:
    """What a day tells of a metric: its values, their mean, and which share of the day they are of."""

    values: Weighted
    mean: float
    share: float
    is_peak: bool = False


def _told(samples: Samples | None, scale: Percent | Bytes) -> _Told | None:
    """Return what samples tell; None where they are known of less than half of the day."""
    if samples is None or samples.share < LEAST_OF_A_DAY:
        return None
    return _Told(samples.weighted(scale), samples.total / samples.count, samples.share)


def _cpu(day: Day) -> _Told | None:
    """Take a day's samples, and its figure where these do not suffice; None is unknown."""
    told = _told(day.cpu, Percent())
    if told is not None or day.peak is None or day.peak.share < LEAST_OF_A_DAY:
        return told
    samples = SAMPLES_A_DAY * day.peak.share
    highest = np.array([day.peak.highest]), np.array([samples])
    return _Told(highest, day.peak.average, day.peak.share, is_peak=True)


def _network(days: Sequence[Day]) -> Load | None:
    """Add both directions up, in megabits a second."""
    received = _load([_told(day.network_in, Bytes()) for day in days], _EACH_DIRECTION)
    sent = _load([_told(day.network_out, Bytes()) for day in days], _EACH_DIRECTION)
    if received is None or sent is None:
        return None
    both = Load(
        _MBIT_A_SAMPLE * (received.p99 + sent.p99),
        _MBIT_A_SAMPLE * (received.daily_p99 + sent.daily_p99),
        _MBIT_A_SAMPLE * (received.daily_mean + sent.daily_mean),
    )
    return both if both.days else None


def _load(days: Sequence[_Told | None], share: float) -> Load | None:
    """Return the percentiles of all days together and of each, NaN where it is unknown; None of none."""
    known = [day for day in days if day is not None]
    if not known:
        return None
    return Load(
        percentile(joined([day.values for day in known]), share),
        np.array([np.nan if day is None else percentile(day.values, share) for day in days]),
        np.array([np.nan if day is None else day.mean for day in days]),
    )
