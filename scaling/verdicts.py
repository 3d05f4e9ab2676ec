"""What the rules say of many instances at once, and, for those that are stored, why: words and inputs."""

import enum
from collections.abc import Iterable
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from core.epoch import moment
from scaling.columns import METRICS
from scaling.quartiles import Fences, Floats
from scaling.windows import Windows

CPU, MEMORY, NETWORK_IN = 0, 1, 2
WEIGHTS = (2, 2, 1, 1)
VOTES_NEEDED = 2
PERIODS = 5
"""A window has at least this many periods of its source."""
_LABELS = ("CPU", "Memory", "Network in", "Network out")
_DIRECTIONS = {1: "up", 0: "hold", -1: "down"}


class Rule(enum.IntEnum):
    """Which rule spoke, in the order in which they are asked."""

    STALE = 1
    INSUFFICIENT = 2
    SUSTAINED_DOWN = 3
    SUSTAINED_UP = 4
    IQR = 5
    STEADY = 6


@dataclass(frozen=True, slots=True)
class Policies:
    """A column for each of the fields of models.ScalingPolicy that the rules read."""

    cpu_high: Floats
    memory_high: Floats
    cpu_low: Floats
    memory_low: Floats
    share: Floats
    window_s: Floats
    min_samples: Floats
    min_span_s: Floats

    @classmethod
    def of(cls, policies: Iterable[Any]) -> Self:
        """Take policies, or what has such attributes, in the order of the windows' rows."""
        names = [field.name for field in fields(cls)]
        rows = list(map(attrgetter(*names), policies))
        return cls(*np.array(rows, np.float64).reshape(-1, len(names)).T)

    def at(self, rows: Any) -> "Policies":
        """Return the policies of some rows."""
        return Policies(*(getattr(self, field.name)[rows] for field in fields(self)))

    def row(self, i: int) -> dict[str, float]:
        """Return one policy by the names of its fields."""
        return {field.name: float(getattr(self, field.name)[i]) for field in fields(self)}


def reach_s(window_s: Floats, period_s: Floats) -> Floats:
    """Return how long windows are: as the policy has it, and at least five periods of the source."""
    return np.maximum(window_s, PERIODS * period_s)


def stale_after_s(period_s: Floats) -> Floats:
    """Return the age at which a newest sample says nothing of now: two periods, and CloudWatch's delay."""
    return 2 * period_s + 180


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What the rules say, a row for each window: `direction` is 1 up, 0 hold, -1 down.

    `current` is metrics x rows. `low_share` and `high_share` are the samples that were low or hot as shares
    of the window; votes are those of the rows that no sustained load decided.
    """

    windows: Windows
    policies: Policies
    period_s: Floats
    now_us: int
    had_samples: npt.NDArray[np.bool_]
    direction: npt.NDArray[np.int8]
    rule: npt.NDArray[np.int8]
    current: Floats
    low_share: Floats
    high_share: Floats
    fences: Fences
    votes_up: npt.NDArray[np.int8]
    votes_down: npt.NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.rule)

    @property
    def simulated(self) -> npt.NDArray[np.bool_]:
        """Which windows have simulated samples."""
        return self.windows.simulated

    def rule_name(self, i: int) -> str:
        """Return the rule that spoke, such as sustained_up."""
        return Rule(self.rule[i]).name.lower()

    def kind(self, i: int) -> str:
        """Return rule and direction, such as iqr:down: what stays the same while only the numbers change."""
        return f"{self.rule_name(i)}:{_DIRECTIONS[int(self.direction[i])]}"

    def reason(self, i: int) -> str:
        """Return why, in one sentence with its numbers."""
        sentences = {
            Rule.STALE: self._stale,
            Rule.INSUFFICIENT: self._insufficient,
            Rule.SUSTAINED_DOWN: self._sustained_down,
            Rule.SUSTAINED_UP: self._sustained_up,
            Rule.IQR: self._iqr,
            Rule.STEADY: self._steady,
        }
        return sentences[Rule(self.rule[i])](i)

    def inputs(self, i: int) -> dict[str, Any]:
        """Return, as JSON has it, what the decision was made from; null is unknown or was not looked at."""
        policy = self.policies.row(i)
        return {
            "now": moment(self.now_us).isoformat(),
            "period_s": float(self.period_s[i]),
            "window_s": self._reach_s(i),
            "policy": policy,
            "shares": {"low": _number(self.low_share[i]), "high": _number(self.high_share[i])},
            "statistics": {name: self._statistics(metric, i) for metric, name in enumerate(METRICS)},
            "votes": {"up": int(self.votes_up[i]), "down": int(self.votes_down[i]), "needed": VOTES_NEEDED},
            "samples": self._samples(i),
            "had_samples": bool(self.had_samples[i]),
        }

    def _statistics(self, metric: int, i: int) -> dict[str, float] | None:
        """Return the quartiles and fences of a metric; None where too little of it is known."""
        found = {
            name: float(getattr(self.fences, name)[metric, i]) for name in ("q1", "q3", "lower", "upper")
        }
        return None if np.isnan(found["q1"]) else found

    def _samples(self, i: int) -> dict[str, list[Any]]:
        row = self.windows.row(i)
        values = {
            name: [_number(value) for value in row.values[metric]] for metric, name in enumerate(METRICS)
        }
        times = [moment(time).isoformat() for time in row.time]
        return {"timestamp": times, "source": row.source.tolist(), "outlier": row.outlier.tolist(), **values}

    def _reach_s(self, i: int) -> float:
        return float(reach_s(self.policies.window_s[i], self.period_s[i]))

    def _of_window(self, share: float, i: int) -> str:
        return f"for {share:.1%} of last {self._reach_s(i) / 60:g} minutes"

    def _stale(self, i: int) -> str:
        limit_s = float(stale_after_s(self.period_s[i]))
        if self.windows.is_empty[i]:
            return f"Stale data: no sample for more than {limit_s:.0f} s"
        age_s = (self.now_us - int(self.windows.newest_us()[i])) / 1e6
        return f"Stale data: the newest sample is {age_s:.0f} s old, more than {limit_s:.0f} s"

    def _insufficient(self, i: int) -> str:
        policy = self.policies
        return (
            f"Insufficient data: {self.windows.known[i]} samples over {self.windows.span_us[i] / 1e6:.0f} s "
            f"of the {policy.min_samples[i]:.0f} over {policy.min_span_s[i]:.0f} s that are needed"
        )

    def _sustained_down(self, i: int) -> str:
        """Leave memory out where none of the window's samples knows it: see rules."""
        is_unknown = np.isnan(self.windows.row(i).values[MEMORY])
        metrics = (CPU,) if is_unknown.all() else (CPU, MEMORY)
        low = " and ".join(f"{_LABELS[metric]} < {self._limit('low', metric, i):g}%" for metric in metrics)
        if self.simulated[i] and is_unknown.any() and not is_unknown.all():
            low += " where known"
        return f"Sustained scale down: {low} {self._of_window(self.low_share[i], i)} {self._now(metrics, i)}"

    def _sustained_up(self, i: int) -> str:
        """Name what sufficed by itself, CPU first; where neither did, both."""
        metrics, share = self._hot(i)
        hot = " or ".join(f"{_LABELS[metric]} > {self._limit('high', metric, i):g}%" for metric in metrics)
        return f"Sustained scale up: {hot} {self._of_window(share, i)} {self._now(metrics, i)}"

    def _hot(self, i: int) -> tuple[tuple[int, ...], float]:
        values = self.windows.row(i).values
        for metric in (CPU, MEMORY):
            share = float(np.mean(values[metric] > self._limit("high", metric, i)))
            if share >= self.policies.share[i]:
                return (metric,), share
        return (CPU, MEMORY), float(self.high_share[i])

    def _limit(self, end: str, metric: int, i: int) -> float:
        return float(getattr(self.policies, f"{METRICS[metric]}_{end}")[i])

    def _now(self, metrics: Iterable[int], i: int) -> str:
        return f"(Current: {', '.join(_percent(self.current[metric, i]) for metric in metrics)})"

    def _iqr(self, i: int) -> str:
        direction = int(self.direction[i])
        bounds, word = (self.fences.upper, "above") if direction > 0 else (self.fences.lower, "below")
        found = [(metric, self.current[metric, i], bounds[metric, i]) for metric in range(len(METRICS))]
        outside = ", ".join(
            f"{_LABELS[metric]} {_shown(metric, value)} {word} {_shown(metric, bound)}"
            for metric, value, bound in found
            if direction * (value - bound) > 0
        )
        return f"IQR scale {_DIRECTIONS[direction]}: {outside}; {self._votes(i)}"

    def _steady(self, i: int) -> str:
        now = ", ".join(f"{_LABELS[metric]} {_percent(self.current[metric, i])}" for metric in (CPU, MEMORY))
        return f"Normal: {now}; {self._votes(i)}"

    def _votes(self, i: int) -> str:
        return f"votes {self.votes_up[i]} up, {self.votes_down[i]} down"


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _percent(value: float) -> str:
    return "unknown" if np.isnan(value) else f"{value:.2f}%"


def _shown(metric: int, value: float) -> str:
    return _percent(value) if metric in (CPU, MEMORY) else f"{value:,.0f} B"
