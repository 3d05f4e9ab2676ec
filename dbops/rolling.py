"""Looks at the load, minute by minute, into hours: the same way for production and for simulations."""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from dbops.patterns import Hour

LEAST_SAMPLES = 30
"""An hour that was observed for less than half its minutes is not learned from."""

SURGE_REACH = timedelta(hours=1)
"""A surge rises above all that was asked for in this time before it."""

_HOUR_MINUTES = 60


@dataclass(frozen=True, slots=True)
class Look:
    """What one minute since 1970 asked for, in connections, and the busy share of the pool (0 to 1)."""

    minute: int
    demand: float
    utilization: float


class Highest:
    """The highest demand of the last so many minutes."""

    def __init__(self, reach: timedelta) -> None:
        self._reach = int(reach.total_seconds()) // 60
        self._falling: deque[tuple[int, float]] = deque()

    def add(self, minute: int, demand: float) -> None:
        """Take that of a minute, and forget what it outdoes."""
        while self._falling and self._falling[-1][1] <= demand:
            self._falling.pop()
        self._falling.append((minute, demand))

    def until(self, minute: int) -> float | None:
        """Return the highest of the minutes until that one; None where there is none."""
        while self._falling and self._falling[0][0] <= minute - self._reach:
            self._falling.popleft()
        return self._falling[0][1] if self._falling else None


@dataclass(slots=True)
class HourSoFar:
    """An hour since 1970 that is being observed."""

    hour: int
    samples: int = 0
    demand: float = 0.0
    utilization: float = 0.0
    peak_demand: float = 0.0
    peak_utilization: float = 0.0
    surge: float | None = None

    def add(self, look: Look, before: float | None) -> None:
        """Take a look, and the highest demand of the hour before it."""
        self.samples += 1
        self.demand += look.demand
        self.utilization += look.utilization
        self.peak_demand = max(self.peak_demand, look.demand)
        self.peak_utilization = max(self.peak_utilization, look.utilization)
        if before is not None:
            self.surge = max(self.surge or 0.0, look.demand - before)

    def rolled_up(self) -> Hour | None:
        """Return what is learned from it; None where too little of it was observed."""
        if self.samples < LEAST_SAMPLES:
            return None
        return Hour(
            hour=datetime.fromtimestamp(self.hour * 3600, UTC),
            samples=self.samples,
            average_demand=self.demand / self.samples,
            peak_demand=self.peak_demand,
            average_utilization=self.utilization / self.samples,
            peak_utilization=self.peak_utilization,
            surge=self.surge,
        )


class Roller:
    """Takes looks in their order, and gives out the hours that are over."""

    def __init__(self) -> None:
        self.so_far: HourSoFar | None = None
        self.recent = Highest(SURGE_REACH)

    def add(self, look: Look) -> HourSoFar | None:
        """Take a look; return the hour that is over with it, if one is."""
        over = None
        hour = look.minute // _HOUR_MINUTES
        if self.so_far is None or self.so_far.hour != hour:
            over, self.so_far = self.so_far, HourSoFar(hour)
        self.so_far.add(look, self.recent.until(look.minute - 1))
        self.recent.add(look.minute, look.demand)
        return over


def hours(looks: Iterable[Look]) -> Iterator[Hour]:
    """Yield the hours that looks, in their order, amount to; the last one as if it were over."""
    roller = Roller()
    for look in looks:
        over = roller.add(look)
        if over and (hour := over.rolled_up()):
            yield hour
    if roller.so_far and (hour := roller.so_far.rolled_up()):
        yield hour
