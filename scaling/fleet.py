"""A recorded load against simulated groups: what ways of steering them cost, and how often they fall short.

The rules. A unit serves a fixed rate when it is 100 % busy, and a load's highest minute needs `PEAK_UNITS` of
these. Demand is told in such units. A step is a minute: what is decided on a minute holds from its end on.
A unit that is added then boots for `BOOT_MINUTES`, is paid for, and serves nothing; units that are taken away
go at once, those that boot first. A minute is above the limit when its demand is more than `LIMIT` of what
the serving units carry. Minutes of which nothing is known pass, and count for nothing.
"""

from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np
import numpy.typing as npt

from scaling.predictive import LIMIT

PEAK_UNITS = 40
BOOT_MINUTES = 3
LEAST_UNITS = 2

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Loads:
    """The demand (units) of several series: `demand` is minutes x series, NaN where unknown.

    `start` is the first minute, counted from 1970.
    """

    start: int
    demand: Floats

    @classmethod
    def of(cls, start: int, demands: list[Floats]) -> Self:
        """Put series that begin together beside each other."""
        together = np.full((max(map(len, demands)), len(demands)), np.nan)
        for place, demand in enumerate(demands):
            together[: len(demand), place] = demand
        return cls(start, together)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a series under one way of steering.

    `over_instance_hours` are those beyond what would have carried the demand within the limit; `events` are
    the changes of how many units there should be.
    """

    minutes: int
    minutes_above: int
    instance_hours: float
    over_instance_hours: float
    events: int


@dataclass(frozen=True, slots=True)
class Minute:
    """What a minute showed of each group: units that served, units that boot, and demand in units."""

    minute: int
    demand: Floats
    serving: Floats
    booting: Floats

    @property
    def units(self) -> Floats:
        return self.serving + self.booting


class Steering(Protocol):
    """A way of steering groups: it is told of each minute once, in order."""

    def wanted(self, now: Minute) -> Floats:
        """Return how many units each group should have from the end of that minute on."""
        ...


class Fleet:
    """Groups whose units boot and serve."""

    def __init__(self, units: Floats) -> None:
        self.serving = units.astype(np.float64)
        self._boots = np.zeros((BOOT_MINUTES, len(units)))

    @property
    def booting(self) -> Floats:
        return np.asarray(self._boots.sum(axis=0))

    def strive(self, wanted: Floats) -> None:
        """End the minute with so many units: what has booted long enough serves from the next one on."""
        more = wanted - self.serving - self.booting
        fewer = np.maximum(-more, 0)
        for newest in range(BOOT_MINUTES - 1, -1, -1):
            gone = np.minimum(fewer, self._boots[newest])
            self._boots[newest] -= gone
            fewer = fewer - gone
        self.serving = self.serving - fewer + self._boots[0]
        self._boots = np.vstack([self._boots[1:], np.maximum(more, 0)])


def run(loads: Loads, steering: Steering, *, start: Floats, count_from: int = 0) -> list[Outcome]:
    """Play the loads to groups that begin with `start` units, several a series.

    Groups come in blocks of one a series, in the order of the series. Minutes before `count_from` (of the
    loads) are played, and not counted.
    """
    repeats = len(start) // loads.demand.shape[1]
    fleet, tally = Fleet(start), np.zeros((5, len(start)))
    for step, row in enumerate(loads.demand):
        demand = np.tile(row, repeats)
        now = Minute(loads.start + step, demand, fleet.serving.copy(), fleet.booting)
        is_known = ~np.isnan(demand)
        wanted = np.where(is_known, steering.wanted(now), now.units)
        if step >= count_from:
            tally += is_known * counted(now, wanted)
        fleet.strive(wanted)
    return [
        Outcome(int(minutes), int(above), unit_minutes / 60, over / 60, int(events))
        for minutes, above, unit_minutes, over, events in tally.T.tolist()
    ]


def counted(now: Minute, wanted: Floats) -> Floats:
    """Return what a minute adds to each number of an outcome; where demand is unknown it is not looked at."""
    demand = np.nan_to_num(now.demand)
    enough = np.maximum(np.ceil(demand / LIMIT - 1e-9), LEAST_UNITS)
    return np.stack(
        [
            np.ones(len(demand)),
            demand > LIMIT * now.serving + 1e-9,
            now.units,
            np.maximum(now.units - enough, 0),
            wanted != now.units,
        ]
    )
