"""A recorded series through rules and guard, as if it were arriving now: pure, with a clock of its own."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from core.epoch import microseconds, moment
from scaling import guard
from scaling.capacity import FIRST_LEVEL
from scaling.columns import METRICS, Samples
from scaling.rules import Policies, evaluate, outliers, reach_s
from scaling.windows import CLOUDWATCH, Windows

_ONE = np.ones(1, np.int32)


@dataclass(frozen=True, slots=True)
class Step:
    """What is decided when a sample has arrived: what the rules wish, what is vetoed, which level follows."""

    at: datetime
    cpu: float
    wish: int
    reason: str
    rule: str
    vetoes: tuple[str, ...]
    level_before: int
    level_after: int


def period_s(times: npt.NDArray[np.int64]) -> float:
    """Return the usual time between samples."""
    return float(np.median(np.diff(times))) / 1e6


def replay(cpu: Mapping[datetime, float], policy: Any) -> Iterator[Step]:
    """Decide after each of at least two samples of a mock, CPU in percent; nothing else of it is known.

    A sample arrives at the end of its period. The load does not follow the level: what was recorded is all
    there is.
    """
    samples = _samples(cpu)
    period = period_s(samples.time)
    reach_us = np.array([_reach_us(policy, period)])
    level, last_action_at = FIRST_LEVEL, None
    for end in range(1, len(samples) + 1):
        start = int(np.searchsorted(samples.time, samples.time[end - 1] - reach_us[0]))
        before = Windows.of(samples.where(slice(start, end - 1)), _ONE, reach_us)
        samples.outlier[end - 1] = outliers(before, samples.values[:, end - 1 : end])[0]
        window = Windows.of(samples.where(slice(start, end)), _ONE, reach_us)
        step = _step(window, policy, period, level, last_action_at)
        if step.level_after != level:
            level, last_action_at = step.level_after, step.at
        yield step


def _step(window: Windows, policy: Any, period: float, level: int, last_action_at: datetime | None) -> Step:
    now_us = int(window.newest_us()[0] + period * 1e6)
    verdicts = evaluate(window, Policies.of([policy]), now_us, np.array([period]))
    state = guard.State(
        level=level,
        last_action_at=last_action_at,
        pending=False,
        kill_switch=False,
        simulated=False,
        is_mock=True,
        mode=guard.MOCK,
    )
    now, wish = moment(now_us), int(verdicts.direction[0])
    ruling = guard.check(wish, state, policy, now)
    return Step(
        at=now,
        cpu=float(verdicts.current[0, 0]),
        wish=wish,
        reason=verdicts.reason(0),
        rule=verdicts.rule_name(0),
        vetoes=tuple(veto.code for veto in ruling.vetoes),
        level_before=level,
        level_after=ruling.level_after,
    )


def _reach_us(policy: Any, period: float) -> int:
    return int(reach_s(np.array([policy.window_s]), np.array([period]))[0] * 1e6)


def _samples(cpu: Mapping[datetime, float]) -> Samples:
    moments = sorted(cpu)
    values = np.full((len(METRICS), len(moments)), np.nan)
    values[0] = [cpu[at] for at in moments]
    return Samples(
        np.ones(len(moments), np.int32),
        np.array(list(map(microseconds, moments)), np.int64),
        np.full(len(moments), CLOUDWATCH, np.int16),
        np.zeros(len(moments), np.int16),
        values,
    )
