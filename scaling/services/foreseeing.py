"""What the predictive policy wishes for: of instances that act on it, instead of what the rules wish.

The rules are what it may not go below. While nothing is foreseen of an instance, or its data are stale or
too few, the rules speak for themselves, and so they do where a forecast is only recorded beside them.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from core.epoch import moment
from scaling import guard, predictive
from scaling.capacity import Scale
from scaling.guard import Limits, Ruling, State
from scaling.models import LEAST_WORTH, ManagedInstance, Mode
from scaling.predictive import WORTH_OF_USUAL, Wishes
from scaling.roster import Roster
from scaling.rules import Rule, Verdicts
from scaling.services import extent, learning
from scaling.services.judging import Judged
from scaling.services.learning import Cohort, Predicted, Shard

RULE = "predictive"
_WORDS = {1: "up", 0: "hold", -1: "down"}
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Foreseen:
    """A row of what is wished for, beside the row of what the rules say of the same instance."""

    judged: Judged
    wishes: Wishes
    row: int
    scale: Scale
    worth: float
    acts: bool

    @property
    def instance(self) -> int:
        return self.judged.instance

    @property
    def version(self) -> int:
        return self.judged.version

    @property
    def direction(self) -> int:
        return int(self.wishes.direction[self.row])

    @property
    def rule(self) -> str:
        return RULE

    @property
    def kind(self) -> str:
        return f"{RULE}:{_WORDS[self.direction]}"

    @property
    def simulated(self) -> bool:
        return self.judged.simulated

    @property
    def period_s(self) -> float:
        return self.judged.period_s

    @property
    def wanted(self) -> float:
        """The instances that are wished for; of one that has levels, times the first one's capacity."""
        return float(self.wishes.wanted[self.row]) / self.scale.unit

    def reason(self, of: ManagedInstance) -> str:
        why = self.wishes.reason(self.row, self.scale)
        return f"{why} ({self.judged.reason(of)})" if self.wishes.is_asked[self.row] else why

    def current(self) -> dict[str, float | None]:
        return self.judged.current()

    def inputs(self) -> dict[str, Any]:
        """Return the inputs of the rules, and of the wish."""
        foreseen = {
            "acts": self.acts,
            "worth": self.worth / self.scale.unit,
            "units": float(self.wishes.present[self.row]) / self.scale.unit,
            "wanted": self.wanted,
            "over_present": _known(self.wishes.over_present[self.row]),
            "over_wanted": _known(self.wishes.over_wanted[self.row]),
            "asked_by_rules": bool(self.wishes.is_asked[self.row]),
        }
        return {**self.judged.inputs(), "foreseen": foreseen}

    def columns(self, of: ManagedInstance) -> dict[str, Any]:
        """Return what a decision stores of the forecast; a resize goes a size at a time."""
        level = self.scale.level(float(self.wishes.wanted[self.row]), 1)
        if of.policy.mode == Mode.EC2_RESIZE:
            level = of.level + self.direction
        return {
            "probability": _known(self.wishes.over_present[self.row]),
            "units_before": float(self.wishes.present[self.row]) / self.scale.unit,
            "units_wanted": self.wanted,
            "level_wanted": level,
        }

    def ruled(self, state: State, policy: Limits, now: datetime) -> Ruling:
        """Have the guard rule on the wish; what has no effect is a recommendation."""
        asked = state if self.acts else replace(state, mode=guard.RECOMMEND)
        decision = predictive.decide(self.wishes, self.row, self.scale, state=asked, policy=policy, now=now)
        ruling, level = decision.ruling, state.level
        if ruling.outcome == guard.APPLIED:
            level = self.scale.level(decision.units, 1)
        return replace(ruling, level_after=level)


def _known(share: float) -> float | None:
    return None if np.isnan(share) else float(share)


@dataclass(frozen=True, slots=True)
class Foresight:
    """What a process knows of a shard, as of a tick."""

    shard: Shard
    now: datetime

    def wish(self, roster: Roster, verdicts: Verdicts) -> Iterator[Foreseen]:
        """Yield what is wished for those of the rows of which anything is foreseen."""
        rows = {int(key): row for row, key in enumerate(roster.instance.tolist())}
        is_blind = np.isin(verdicts.rule, (Rule.STALE, Rule.INSUFFICIENT))
        for cohort in self.shard.current(self.now):
            found = [
                (place, member, rows[member.instance])
                for place, member in self.shard.mine(cohort)
                if member.instance in rows and not is_blind[rows[member.instance]] and cohort.foresees(place)
            ]
            if found:
                yield from self._wished(cohort, found, verdicts)

    def _wished(
        self,
        cohort: Cohort,
        found: list[tuple[int, Predicted, int]],
        verdicts: Verdicts,
    ) -> Iterator[Foreseen]:
        places, members, rows = map(list, zip(*found, strict=True))
        spoken = replace(verdicts, direction=verdicts.direction[rows], rule=verdicts.rule[rows])
        present = np.array([member.extent.units for member in members])
        worth = np.array(
            [_worth(cohort, place, member) for place, member in zip(places, members, strict=True)]
        )
        serving = self._serving(members, verdicts.windows.newest_us()[rows])
        newest = np.nan_to_num(verdicts.current[0][rows]) / 100 * serving
        highest = np.maximum([cohort.highest(place) for place in places], newest)
        over = cohort.over[places]
        asked = predictive.floor(spoken, present, highest, serving=serving)
        weighed = predictive.weigh(present, cohort.scale.sizes(), over, asked, worth)
        settled = cohort.patience.settle(self.now.timestamp() / 60, weighed, np.array(places))
        wishes = predictive.wishes(present, over, asked, weighed, settled)
        for at, (member, row) in enumerate(zip(members, rows, strict=True)):
            judged = Judged(member.instance, member.version, verdicts, row)
            yield Foreseen(judged, wishes, at, cohort.scale, float(worth[at]), member.acts)

    def _serving(self, members: list[Predicted], newest_us: npt.NDArray[np.int64]) -> Floats:
        """Return the units that served as of each one's newest sample."""
        found = []
        for member, at_us in zip(members, newest_us.tolist(), strict=True):
            minute = np.array([int(moment(at_us).timestamp()) // 60])
            changes = self.shard.changes.get(member.instance, [])
            found.append(extent.serving(minute, member.extent.units, changes)[0])
        return np.array(found)


def _worth(cohort: Cohort, place: int, member: Predicted) -> float:
    """Return what a minute is worth, in unit-minutes."""
    unit = cohort.scale.unit
    if member.worth is not None:
        return member.worth * unit
    return max(WORTH_OF_USUAL * cohort.usual(place), LEAST_WORTH * unit)


def look(shard: int, shards: int, now: datetime) -> Foresight | None:
    """Learn what is due of a shard, and return what is foreseen; None where no policy is predictive."""
    known = learning.learned(shard, shards, now)
    return None if known is None else Foresight(known, now)
