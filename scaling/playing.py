"""One group's recorded load under a policy, many minutes at once: `scaling.fleet`'s rules, and pure.

As long as nothing changes, it is known what serves, and so is what CPU is: the rules judge all of these
minutes together, up to the first whose wish is granted, and go on from there. What comes out is what
`scaling.steering` decides minute by minute.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from scaling import guard, predictive
from scaling.capacity import Scale
from scaling.columns import METRICS, Samples
from scaling.fleet import BOOT_MINUTES, Loads, Minute, Steering
from scaling.forecast import Forecaster
from scaling.guard import State
from scaling.patience import Patience
from scaling.predictive import LIMIT, RECENT_MINUTES
from scaling.quartiles import FENCE, PERCENT_FLOOR
from scaling.rules import Policies, Verdicts, evaluate, outliers
from scaling.steering import Change, Policy, ended
from scaling.windows import CLOUDWATCH, Windows

DAY_MINUTES = 24 * 60
LEARNED_DAYS = 2
"""Each day is foreseen from so many days before it: days are so played side by side."""

_PERIOD_S, _MINUTE_US = 60, 60_000_000
_WINDOW = 5
_FEWEST, _MOST = 32, 2048

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Course:
    """What there was in each minute, and what was to be there after it; `units` are all that are paid for."""

    serving: Floats
    units: Floats
    wanted: Floats
    changes: tuple[Change, ...]


class Player(Protocol):
    """A policy that can be played to one group's load."""

    def play(self, loads: Loads, start: float) -> Course:
        """Begin with so many units, and return what comes of it."""
        ...


@dataclass
class _Fleet:
    """The units of one group, which boot for a while before they serve."""

    serving: float
    boots: list[float] = field(default_factory=lambda: [0.0] * BOOT_MINUTES)

    @property
    def units(self) -> float:
        return self.serving + sum(self.boots)

    def ahead(self, minutes: int) -> Floats:
        """Return what serves in each of the next minutes while nothing is changed."""
        joining = np.zeros(minutes)
        joining[1 : BOOT_MINUTES + 1] = self.boots[: max(0, minutes - 1)]
        return np.asarray(self.serving + np.cumsum(joining))

    def strive(self, wanted: float) -> None:
        """End the minute with so many units: what boots goes first."""
        fewer, more = max(0.0, self.units - wanted), max(0.0, wanted - self.units)
        for newest in range(BOOT_MINUTES - 1, -1, -1):
            gone = min(fewer, self.boots[newest])
            self.boots[newest] -= gone
            fewer -= gone
        self.serving += self.boots[0] - fewer
        self.boots = [*self.boots[1:], more]

    def pass_by(self, minutes: int) -> None:
        """Let minutes end without a change."""
        for _ in range(min(minutes, BOOT_MINUTES)):
            self.strive(self.units)


@dataclass(frozen=True, slots=True)
class _Granted:
    """The first minute at whose end something is changed, to how many units, and why."""

    at: int
    units: float
    reason: str


class _Watch:
    """CPU minute by minute, and what the rules say of windows of it."""

    def __init__(self, demand: Floats, policy: Policy) -> None:
        self._demand, self._policy = demand, policy
        self._cpu = np.full(len(demand) + _WINDOW, np.nan)
        self._flags = np.zeros(len(demand) + _WINDOW, np.int16)

    def judge(self, first: int, serving: Floats) -> tuple[npt.NDArray[np.intp], Verdicts | None]:
        """Return which of the minutes from `first` on may be spoken of, and what the rules say of these.

        Of all others they say that nothing is to be done: see `_may_speak`.
        """
        end = first + len(serving)
        busy = 100 * self._demand[first:end] / np.maximum(serving, 1e-9)
        self._cpu[first + _WINDOW : end + _WINDOW] = np.minimum(busy, 100.0)
        self._flags[first + _WINDOW : end + _WINDOW] = 0
        rows = np.flatnonzero(self._may_speak(first, end))
        if not len(rows):
            return rows, None
        self._flag(first + rows)
        at = first + rows + 1
        count = len(rows)
        windows = self._windows(at)
        return rows, evaluate(
            windows, Policies.of([self._policy] * count), _MINUTE_US, np.full(count, float(_PERIOD_S))
        )

    def _may_speak(self, first: int, end: int) -> Flags:
        """Say of which minutes any rule may say more than that all is normal.

        None does where all of the window and the minute before is known, neither low nor hot, and no further
        apart than the nearest fence.
        """
        cpu = sliding_window_view(self._cpu[first : end + _WINDOW], _WINDOW + 1)
        lowest, highest = cpu.min(axis=1), cpu.max(axis=1)
        is_calm = (
            (highest - lowest <= FENCE * PERCENT_FLOOR)
            & (lowest >= self._policy.cpu_low)
            & (highest <= self._policy.cpu_high)
        )
        return np.asarray(~is_calm)

    def _flag(self, minutes: npt.NDArray[np.intp]) -> None:
        """Flag each minute against the window before it, until no flag changes another."""
        while True:
            values = np.full((len(METRICS), len(minutes)), np.nan)
            values[0] = self._cpu[minutes + _WINDOW]
            found = outliers(self._windows(minutes), values)
            if (found == self._flags[minutes + _WINDOW]).all():
                return
            self._flags[minutes + _WINDOW] = found

    def _windows(self, ends: npt.NDArray[np.intp]) -> Windows:
        """Return the windows before these minutes, all of them as of the same moment."""
        places = ends[:, None] + np.arange(_WINDOW)
        is_there = places >= _WINDOW
        count, size = len(ends), is_there.sum()
        rows = np.arange(count, dtype=np.int32)
        values = np.full((len(METRICS), size), np.nan)
        values[0] = self._cpu[places[is_there]]
        times = np.broadcast_to((np.arange(_WINDOW) - _WINDOW + 1) * _MINUTE_US, places.shape)
        samples = Samples(
            np.broadcast_to(rows[:, None], places.shape)[is_there],
            times[is_there],
            np.full(size, CLOUDWATCH, np.int16),
            self._flags[places[is_there]],
            values,
        )
        return Windows.of(samples, rows, np.full(count, _WINDOW * _MINUTE_US, np.int64))


class _ByRules:
    """What plays in stretches without a change; what is wished in them is the policy's."""

    def __init__(self, policy: Policy, scale: Scale) -> None:
        self._policy, self._scale = policy, scale
        self._acted: datetime | None = None

    def play(self, loads: Loads, start: float) -> Course:
        """Begin with so many units, and return what comes of it."""
        demand, changes = loads.demand[:, 0], []
        self._begin(loads)
        fleet, now, size = _Fleet(start), 0, _FEWEST
        serving, units = np.empty(len(demand)), np.empty(len(demand))
        while now < len(demand):
            end = min(len(demand), now + size)
            serving[now:end], units[now:end] = fleet.ahead(end - now), fleet.units
            granted = self._granted(now, serving[now:end], fleet.units)
            if granted is None:
                fleet.pass_by(end - now)
                now, size = end, min(2 * size, _MOST)
                continue
            fleet.pass_by(granted.at - now)
            at = self._at(granted.at)
            changes.append(Change(0, at, fleet.units, granted.units, granted.reason))
            fleet.strive(granted.units)
            self._acted, now, size = at, granted.at + 1, _FEWEST
        wanted = np.append(units[1:], fleet.units)
        return Course(serving, units, wanted, tuple(changes))

    def _begin(self, loads: Loads) -> None:
        self._start, self._known = loads.start, ~np.isnan(loads.demand[:, 0])
        self._watch = _Watch(loads.demand[:, 0], self._policy)

    def _at(self, minute: int) -> datetime:
        """Return when a minute ends."""
        return ended(self._start + minute)

    def _granted(self, first: int, serving: Floats, units: float) -> _Granted | None:
        raise NotImplementedError

    def _state(self, level: int) -> State:
        return State(
            level=level,
            last_action_at=self._acted,
            pending=False,
            kill_switch=False,
            simulated=False,
            is_mock=True,
            mode=guard.MOCK,
            period_s=_PERIOD_S,
        )


class ThreeTiers(_ByRules):
    """The three tiers alone, a level a time."""

    def _granted(self, first: int, serving: Floats, units: float) -> _Granted | None:
        rows, verdicts = self._watch.judge(first, serving)
        if verdicts is None:
            return None
        for place in np.flatnonzero(verdicts.direction).tolist():
            minute, direction = first + int(rows[place]), int(verdicts.direction[place])
            state = self._state(self._scale.level(units, direction))
            ruling = guard.check(direction, state, self._policy, self._at(minute))
            if ruling.outcome == guard.APPLIED and self._known[minute]:
                return _Granted(minute, self._scale.units(ruling.level_after), verdicts.reason(place))
        return None


class Predictive(_ByRules):
    """The predictive policy, with the three tiers below it."""

    def __init__(self, worth: float, policy: Policy, scale: Scale) -> None:
        """Take what a minute is worth, in unit-minutes."""
        super().__init__(policy, scale)
        self._worth = worth

    def _begin(self, loads: Loads) -> None:
        super()._begin(loads)
        demand = np.nan_to_num(loads.demand[:, 0])
        padded = np.concatenate([np.zeros(RECENT_MINUTES - 1), demand])
        self._highest = sliding_window_view(padded, RECENT_MINUTES).max(axis=1)
        self._over = foreseen(loads, self._scale)
        self._patience = Patience(1)

    def _granted(self, first: int, serving: Floats, units: float) -> _Granted | None:
        present, over = np.full(len(serving), units), self._over[first : first + len(serving)]
        asked = self._asked(first, serving, present)
        worth = np.full(len(serving), self._worth)
        weighed = predictive.weigh(present, self._scale.sizes(), over, asked, worth)
        must_move = predictive.wishes(present, over, asked, weighed, weighed.here).direction
        for row in range(len(serving)):
            group = weighed.row(row)
            place = self._patience.settle(self._start + first + row, group)
            if not self._known[first + row] or (place[0] == group.here[0] and not must_move[row]):
                continue
            one = slice(row, row + 1)
            found = predictive.wishes(present[one], over[one], asked.row(row), group, place)
            decision = predictive.decide(
                found,
                0,
                self._scale,
                state=self._state(0),
                policy=self._policy,
                now=self._at(first + row),
            )
            if decision.ruling.outcome == guard.APPLIED:
                return _Granted(first + row, decision.units, decision.reason)
        return None

    def _asked(self, first: int, serving: Floats, present: Floats) -> predictive.Floor:
        """Return what the rules ask for in these minutes."""
        count = len(serving)
        rows, verdicts = self._watch.judge(first, serving)
        highest = self._highest[first : first + count]
        asked = predictive.Floor(highest / LIMIT, np.zeros(count, np.bool_))
        if verdicts is not None:
            spoken = predictive.floor(verdicts, present[rows], highest[rows], serving=serving[rows])
            asked.units[rows], asked.is_held[rows] = spoken.units, spoken.is_held
        return predictive.with_room(asked, highest, ~np.isnan(self._over[first : first + count, 0]))


def foreseen(loads: Loads, scale: Scale) -> Floats:
    """Return after each minute how likely the next ones are to be more than each size carries.

    minutes x sizes, NaN where nothing could be foreseen. Each day is foreseen from the days before it by a
    forecaster that began `LEARNED_DAYS` before: all of them at once.
    """
    demand, carried = loads.demand[:, 0], LIMIT * scale.sizes()
    days = -(-len(demand) // DAY_MINUTES)
    learned = LEARNED_DAYS * DAY_MINUTES
    padded = np.full(learned + days * DAY_MINUTES, np.nan)
    padded[learned : learned + len(demand)] = demand
    side_by_side = np.stack(
        [padded[day * DAY_MINUTES :][: learned + DAY_MINUTES] for day in range(days)], axis=1
    )
    forecaster = Forecaster(carried, days, unit=scale.unit)
    over = np.full((DAY_MINUTES, days, len(carried)), np.nan)
    first = int((~np.isnan(side_by_side)).any(axis=1).argmax())
    for minute in range(first, len(side_by_side)):
        forecaster.observe(loads.start + minute, side_by_side[minute])
        if minute >= learned:
            early = forecaster.too_early[:, None]
            over[minute - learned] = np.where(early, np.nan, forecaster.over())
    return over.transpose(1, 0, 2).reshape(days * DAY_MINUTES, len(carried))[: len(demand)]


class Stepwise:
    """A way of steering that looks minute by minute, within the sizes that there can be."""

    def __init__(self, steering: Steering, scale: Scale, told: str) -> None:
        """Take what is told of each change, with the busy share in percent for {}."""
        self._steering, self._scale, self._told = steering, scale, told

    def play(self, loads: Loads, start: float) -> Course:
        """Begin with so many units, and return what comes of it."""
        demand, changes, fleet = loads.demand[:, 0], [], _Fleet(start)
        serving, units, wanted = (np.empty(len(demand)) for _ in range(3))
        for step, value in enumerate(demand.tolist()):
            serving[step], units[step] = fleet.serving, fleet.units
            wish = self._wanted(loads.start + step, demand[step : step + 1], fleet)
            wanted[step] = fleet.units if np.isnan(value) else wish
            if wanted[step] != fleet.units:
                at = ended(loads.start + step)
                why = self._told.format(100 * value / fleet.serving)
                changes.append(Change(0, at, fleet.units, wanted[step], why))
            fleet.strive(wanted[step])
        return Course(serving, units, wanted, tuple(changes))

    def _wanted(self, minute: int, demand: Floats, fleet: _Fleet) -> float:
        """Return what can be had of what is wanted; what is outside the sizes comes back to them."""
        now = Minute(minute, demand, np.array([fleet.serving]), np.array([sum(fleet.boots)]))
        return self._scale.fit(float(self._steering.wanted(now)[0]))
