"""A recorded load against a simulated pool: how several ways of sizing it do, minute by minute.

One connection serves 20 requests a second, and each trace is scaled so that its 99.9th percentile needs 90
connections. A minute is saturated when its demand exceeds the pool. What is decided on a minute's demand
holds from the next minute on, for every policy alike, and all begin with the pool that the fixed one has.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

import numpy as np
import numpy.typing as npt

from dbops.sizing import Limits

REQUESTS_PER_CONNECTION = 20 * 60
"""A minute."""

PEAK_PERCENTILE, PEAK_CONNECTIONS = 99.9, 90
FIXED = 100
LIMITS = Limits(minimum=5, maximum=100, step=5, cooldown=timedelta(minutes=5))
SCALE_UP, SCALE_DOWN = 0.8, 0.3

_DAY_MINUTES = 24 * 60
_COOLDOWN_MINUTES = int(LIMITS.cooldown.total_seconds()) // 60

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Trace:
    """A load: minutes since 1970, in order and each at most once, and the connections that each needs."""

    name: str
    minutes: Ints
    demand: Floats


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a trace under a policy.

    `peaks_met` counts the days, of `peaks` in all, whose busiest minute found enough connections.
    """

    peaks: int
    peaks_met: int
    saturated_minutes: int
    idle_connection_minutes: int
    scaling_events: int


class Policy(Protocol):
    """A way of sizing the pool; it is told of each minute once, in order."""

    def next_size(self, minute: int, size: int, demand: float) -> int:
        """Return the size from the next minute on, when that minute found that size and that demand."""
        ...


class Fixed:
    """A pool that is left alone."""

    def next_size(self, minute: int, size: int, demand: float) -> int:
        """Return the same size."""
        return size


class Reactive:
    """The thresholds alone: five more at 80 %, five fewer at 30 %, then five minutes of rest."""

    def __init__(self) -> None:
        self._changed_at: int | None = None

    def next_size(self, minute: int, size: int, demand: float) -> int:
        """Compare the utilisation with the two thresholds."""
        if self._changed_at is not None and minute - self._changed_at < _COOLDOWN_MINUTES:
            return size
        moved = size
        if demand >= SCALE_UP * size:
            moved = min(LIMITS.maximum, size + LIMITS.step)
        elif demand <= SCALE_DOWN * size:
            moved = max(LIMITS.minimum, size - LIMITS.step)
        if moved != size:
            self._changed_at = minute
        return moved


def demand(requests: Floats) -> Floats:
    """Return the connections that requests a minute need, scaled as all traces are. Raises: ValueError."""
    needed = requests / REQUESTS_PER_CONNECTION
    peak = float(np.percentile(needed, PEAK_PERCENTILE)) if len(needed) else 0.0
    if peak <= 0:
        raise ValueError("it has hardly any requests, so nothing can be scaled to 90 connections")
    return needed * (PEAK_CONNECTIONS / peak)


def run(trace: Trace, policy: Policy, *, start: int = FIXED) -> Outcome:
    """Play the trace to the policy, and count."""
    sizes = np.fromiter(_sizes(trace, policy, start), np.int64, len(trace.demand) + 1)
    events = np.count_nonzero(np.diff(sizes))
    held = sizes[:-1]
    idle = np.maximum(held - trace.demand, 0).sum()
    busiest = _busiest(trace)
    return Outcome(
        peaks=len(busiest),
        peaks_met=int(np.count_nonzero(trace.demand[busiest] <= held[busiest])),
        saturated_minutes=int(np.count_nonzero(trace.demand > held)),
        idle_connection_minutes=round(float(idle)),
        scaling_events=int(events),
    )


def _sizes(trace: Trace, policy: Policy, start: int) -> Iterator[int]:
    """Yield the size that each minute finds, and the one that would come after the last."""
    yield (size := start)
    for minute, needed in zip(trace.minutes.tolist(), trace.demand.tolist(), strict=True):
        yield (size := policy.next_size(minute, size, needed))


def _busiest(trace: Trace) -> npt.NDArray[np.intp]:
    """Return where each day's (first) busiest minute is."""
    days = trace.minutes // _DAY_MINUTES
    starts = np.flatnonzero(np.diff(days, prepend=days[0] - 1))
    ends = [*starts[1:].tolist(), len(days)]
    return np.array(
        [a + int(np.argmax(trace.demand[a:b])) for a, b in zip(starts, ends, strict=True)], np.intp
    )
