"""The production rules, guard and predictive policy as ways of steering simulated groups.

CPU is demand by what serves, 100 % at most; memory and network are unknown. Demand itself is known to the
predictive policy beyond that, as a load balancer counts it.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt

from scaling import capacity, guard, predictive
from scaling.capacity import FIRST_LEVEL, LAST_LEVEL, Group
from scaling.columns import METRICS, Samples
from scaling.fleet import Minute
from scaling.forecast import Forecaster
from scaling.patience import Patience
from scaling.predictive import LIMIT, RECENT_MINUTES
from scaling.rules import Policies, Verdicts, evaluate, outliers
from scaling.windows import CLOUDWATCH, Windows

GROUP = Group(base=2)
"""Levels 1 to 10 are 2 to 77 units, which carry the peak of 40 at 52 %."""

_PERIOD_S = 60
_MINUTE_US = 60_000_000
_WINDOW = 5

Floats = npt.NDArray[np.float64]


@dataclass(slots=True)
class Policy:
    """What rules and guard read of models.ScalingPolicy, with its defaults."""

    cpu_high: float = 90
    memory_high: float = 90
    cpu_low: float = 10
    memory_low: float = 20
    share: float = 0.8
    window_s: int = 300
    min_samples: int = 4
    min_span_s: int = 120
    min_level: int = FIRST_LEVEL
    max_level: int = LAST_LEVEL
    cooldown_up_s: int = 300
    cooldown_down_s: int = 300
    allow_restart: bool = False


AHEAD = Policy(cooldown_up_s=0)
"""For the predictive policy: what is foreseen is not to wait. (A source's period is the least cooldown.)"""


@dataclass(frozen=True, slots=True)
class Change:
    """One change of a group: when, from how many units to how many, and why."""

    group: int
    at: datetime
    before: float
    after: float
    reason: str


def ended(minute: int) -> datetime:
    """Return when a minute ends, counted from 1970."""
    return datetime.fromtimestamp((minute + 1) * _PERIOD_S, UTC)


class Watch:
    """The windows of the last minutes' CPU, and what the rules say of them."""

    def __init__(self, policies: Sequence[Policy]) -> None:
        groups = len(policies)
        self._policies, self._groups = Policies.of(policies), groups
        self._cpu: deque[Floats] = deque(maxlen=_WINDOW + 1)
        self._flags: deque[npt.NDArray[np.int16]] = deque(maxlen=_WINDOW + 1)
        self._keys = np.arange(groups, dtype=np.int32)
        self._reach_us = np.full(groups, _WINDOW * _MINUTE_US, np.int64)
        self._period_s = np.full(groups, float(_PERIOD_S))

    def judge(self, now: Minute) -> Verdicts:
        """Take the minute's sample, which arrives at its end, and judge."""
        cpu = np.minimum(100 * now.demand / now.serving, 100.0)
        before = self._window(now.minute - 1, _WINDOW)
        newest = np.full((len(METRICS), self._groups), np.nan)
        newest[0] = cpu
        self._cpu.append(cpu)
        self._flags.append(outliers(before, newest))
        window = self._window(now.minute, _WINDOW)
        return evaluate(window, self._policies, (now.minute + 1) * _MINUTE_US, self._period_s)

    def _window(self, last: int, most: int) -> Windows:
        cpu, flags = list(self._cpu)[-most:], list(self._flags)[-most:]
        if not cpu:
            return Windows.of(Samples.none(), self._keys, self._reach_us)
        times = (last - np.arange(len(cpu) - 1, -1, -1)) * _MINUTE_US
        size = len(cpu) * self._groups
        values = np.full((len(METRICS), size), np.nan)
        values[0] = np.stack(cpu, axis=1).ravel()
        samples = Samples(
            np.repeat(self._keys, len(cpu)),
            np.tile(times, self._groups),
            np.full(size, CLOUDWATCH, np.int16),
            np.stack(flags, axis=1).ravel(),
            values,
        )
        return Windows.of(samples, self._keys, self._reach_us)


class ThreeTiers:
    """The three tiers alone, a level a time: mode asg, whose level is so many units."""

    def __init__(self, policies: Sequence[Policy], group: Group = GROUP, *, level: int) -> None:
        """Begin all groups at that level."""
        self.changes: list[Change] = []
        self._policies, self._group, self._watch = policies, group, Watch(policies)
        self._levels = [level] * len(policies)
        self._acted: list[datetime | None] = [None] * len(policies)

    def wanted(self, now: Minute) -> Floats:
        """Return the units of each group's level."""
        verdicts, at = self._watch.judge(now), ended(now.minute)
        for i in np.flatnonzero(verdicts.direction).tolist():
            state = _state(self._levels[i], self._acted[i])
            ruling = guard.check(int(verdicts.direction[i]), state, self._policies[i], at)
            if ruling.outcome == guard.APPLIED:
                before = self._units(i)
                self._levels[i], self._acted[i] = ruling.level_after, at
                self.changes.append(Change(i, at, before, self._units(i), verdicts.reason(i)))
        return np.array([self._units(i) for i in range(len(self._levels))])

    def _units(self, i: int) -> float:
        return float(capacity.desired_at(self._group.base, self._levels[i]))


class Predictive:
    """The predictive policy, with the three tiers below it; several groups may share a series.

    In mode recommend it forecasts alone: units stay, and `changes` has what would have been done, each once.
    """

    def __init__(
        self,
        worth: Floats,
        series: int,
        group: Group = GROUP,
        *,
        policy: Policy = AHEAD,
        mode: str = guard.MOCK,
    ) -> None:
        """Take for each group what a minute is worth; groups come in blocks of one a series."""
        self.changes: list[Change] = []
        self._mode, self._told = mode, np.full(len(worth), np.nan)
        self._sizes, self._patience = group.sizes(), Patience(len(worth))
        self.forecaster = Forecaster(LIMIT * self._sizes, series, unit=group.unit)
        self._worth, self._series, self._group, self._policy = worth, series, group, policy
        self._watch = Watch([policy] * len(worth))
        self._recent: deque[Floats] = deque(maxlen=RECENT_MINUTES)
        self._acted: list[datetime | None] = [None] * len(worth)

    def wanted(self, now: Minute) -> Floats:
        """Learn, foresee, wish, and return what the guard grants."""
        at = ended(now.minute)
        found, units = self.wishes(now), now.units.copy()
        for i in predictive.wanting(found):
            state = replace(_state(0, self._acted[i]), mode=self._mode)
            decision = predictive.decide(found, i, self._group, state=state, policy=self._policy, now=at)
            if decision.ruling.outcome == guard.NONE or decision.wanted == self._told[i]:
                continue
            self.changes.append(Change(i, at, units[i], decision.wanted, decision.reason))
            if decision.ruling.outcome == guard.RECOMMENDED:
                self._told[i] = decision.wanted
            else:
                units[i], self._acted[i] = decision.units, at
        return units

    def wishes(self, now: Minute) -> predictive.Wishes:
        """Learn from the minute, and return what is wished for; nothing is changed by that."""
        over, asked = self._learned(now)
        found = predictive.weigh(now.units, self._sizes, over, asked, self._worth)
        return predictive.wishes(now.units, over, asked, found, self._patience.settle(now.minute, found))

    def _learned(self, now: Minute) -> tuple[Floats, predictive.Floor]:
        """Learn from the minute, and return what is foreseen for each group, and what the rules ask for."""
        self.forecaster.observe(now.minute, now.demand[: self._series])
        self._recent.append(np.nan_to_num(now.demand))
        highest = np.max(self._recent, axis=0)
        asked = predictive.floor(self._watch.judge(now), now.units, highest, serving=now.serving)
        is_early = np.tile(self.forecaster.too_early, len(self._worth) // self._series)
        over = np.tile(self.forecaster.over(), (len(self._worth) // self._series, 1))
        return np.where(is_early[:, None], np.nan, over), predictive.with_room(asked, highest, ~is_early)


def _state(level: int, last_action_at: datetime | None) -> guard.State:
    return guard.State(
        level=level,
        last_action_at=last_action_at,
        pending=False,
        kill_switch=False,
        simulated=False,
        is_mock=True,
        mode=guard.MOCK,
        period_s=_PERIOD_S,
    )
