"""What is foreseen of groups with a predictive policy, learned from the samples that are stored.

Each process that decides has its own of each shard, in memory: those that share their sizes and the pace of
their samples learn together, as one matrix. Once a minute the minutes that are over are read and learned. A
process that begins, as one that was killed, has nothing, and reads the last `HISTORY` again, some seconds in
each tick until that is done; so long the rules alone are followed. Nothing is kept but what is stored.
"""

import time
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import ceil
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from django.db.models.functions import Mod

from scaling import storage
from scaling.capacity import Scale
from scaling.forecast import Forecaster
from scaling.models import Kind, ManagedInstance, Prediction
from scaling.patience import Patience
from scaling.predictive import LIMIT, RECENT_MINUTES
from scaling.roster import PERIOD_S
from scaling.services import extent
from scaling.services.extent import Extent, Step

HISTORY = timedelta(days=7)
LEARNING_S = 1.0
"""So long a tick learns what is long past; the rest waits for the next one."""
MOST_COHORTS = 4
"""So many that could learn together do so apart, since they were not chosen at the same time."""

_CHUNK_MINUTES = 30
_WEEK_MINUTES = HISTORY // timedelta(minutes=1)
_SETTLING_S, _SETTLING_OF_SENT_S = 210, 90
"""How long after its period a sample is there: what `scaling.pace` waits for, a second try, and a tick."""

_RECENT_MINUTES = 20
"""So far back changes are always known: as old as a newest sample can be, and what booted then."""

Floats = npt.NDArray[np.float64]
Changes = Mapping[int, list[Step]]


@dataclass(frozen=True, slots=True)
class Pace:
    """How a source's samples come: each stands for `spread` minutes, and is there `late` after its own."""

    spread: int
    late: int

    @classmethod
    def of(cls, period_s: float, *, is_mock: bool) -> Self:
        """Return the pace of a source; mocks are measured as it happens."""
        if is_mock:
            return cls(1, 0)
        wait_s = _SETTLING_S if period_s >= 60 else _SETTLING_OF_SENT_S  # noqa: PLR2004 - a minute
        return cls(max(1, int(period_s) // 60), ceil((period_s + wait_s) / 60) - 1)


@dataclass(frozen=True, slots=True)
class Predicted:
    """A monitored instance whose policy is predictive; `worth` is in instance-minutes, None for the usual."""

    instance: int
    version: int
    is_mock: bool
    acts: bool
    worth: float | None
    extent: Extent
    pace: Pace

    @property
    def company(self) -> tuple[Scale, Pace]:
        """What those have in common who learn together."""
        return self.extent.scale, self.pace


def predicted(shard: int, shards: int) -> list[Predicted]:
    """Return the monitored instances of a shard whose policies are predictive."""
    rows = ManagedInstance.objects.monitored().alias(shard=Mod("pk", shards))
    rows = rows.filter(shard=shard, policy__kind=Kind.PREDICTIVE).order_by("pk")
    return [_predicted(row) for row in rows.values(*_COLUMNS, period_s=PERIOD_S)]


_COLUMNS = (
    "pk",
    "is_mock",
    "level",
    "base_desired",
    "last_desired",
    "policy__version",
    "policy__mode",
    "policy__prediction",
    "policy__worth",
    "policy__min_level",
    "policy__max_level",
)


def _predicted(row: dict[str, Any]) -> Predicted:
    return Predicted(
        instance=row["pk"],
        version=row["policy__version"],
        is_mock=row["is_mock"],
        acts=row["policy__prediction"] == Prediction.ACT,
        worth=row["policy__worth"],
        extent=extent.extent(
            mode=row["policy__mode"],
            level=row["level"],
            limits=(row["policy__min_level"], row["policy__max_level"]),
            base=row["base_desired"],
            desired=row["last_desired"],
        ),
        pace=Pace.of(row["period_s"], is_mock=row["is_mock"]),
    )


class Cohort:
    """Instances that learn together: the same sizes, the same pace, and from the same moment on."""

    def __init__(self, scale: Scale, pace: Pace, instances: Sequence[int]) -> None:
        """Begin with nothing, of instances in the order of their keys."""
        self.scale, self.pace = scale, pace
        self.instances = np.array(instances, np.int64)
        self.forecaster = Forecaster(LIMIT * scale.sizes(), len(instances), unit=scale.unit)
        self.patience = Patience(len(instances))
        self.through = 0
        """The first minute that was not learned yet, from 1970."""
        self.over: Floats = np.full((len(instances), len(scale.sizes())), np.nan)
        self._recent: deque[Floats] = deque(maxlen=RECENT_MINUTES)
        self._has_begun = False
        self._needed, self._known = np.zeros(len(instances)), np.zeros(len(instances))

    @property
    def company(self) -> tuple[Scale, Pace]:
        """What these have in common."""
        return self.scale, self.pace

    def due(self, now: datetime) -> int:
        """Return the first minute whose samples may not be there yet."""
        return _minute(now) - self.pace.late

    def is_current(self, now: datetime) -> bool:
        """Tell whether all is learned that can be."""
        return self.through == self.due(now)

    def foresees(self, place: int) -> bool:
        """Tell whether enough is known of one of the instances."""
        return not self.forecaster.too_early[place] and not np.isnan(self.over[place]).any()

    def highest(self, place: int) -> float:
        """Return the highest demand of the last minutes, as far as it is known."""
        return float(max((minute[place] for minute in self._recent), default=0.0))

    def usual(self, place: int) -> float:
        """Return the units that the load usually needs within the limit."""
        return float(self._needed[place]) / LIMIT

    def learn(self, now: datetime, members: Mapping[int, Predicted], changes: Changes) -> None:
        """Learn the minutes that are over, a chunk of them at most, from the first known one on."""
        due = self.due(now)
        first = max(due - _WEEK_MINUTES, self.through or self._earliest(due))
        end = min(due, first + _CHUNK_MINUTES)
        demand = self._demand(range(first, end), members, changes)
        is_known = ~np.isnan(demand)
        for row in range(end - first):
            self._has_begun = self._has_begun or bool(is_known[row].any())
            if self._has_begun:
                self._observe(first + row, demand[row], is_known[row])
        self.through = end
        if self._has_begun and end == due:
            self.over = self.forecaster.over()

    def _earliest(self, due: int) -> int:
        """Return where there is anything to learn at all."""
        found = storage.first_minute(self.instances.tolist(), _moment(due - _WEEK_MINUTES))
        return due if found is None else min(found, due)

    def _observe(self, minute: int, demand: Floats, is_known: npt.NDArray[np.bool_]) -> None:
        self.forecaster.observe(minute, demand)
        self._recent.append(np.nan_to_num(demand))
        self._known += is_known
        rates = is_known * np.maximum(1 / _WEEK_MINUTES, 1 / np.maximum(self._known, 1))
        self._needed += rates * (np.nan_to_num(demand) - self._needed)

    def _demand(self, span: range, members: Mapping[int, Predicted], changes: Changes) -> Floats:
        """Return the demand of these minutes, minutes x instances, NaN where it is not known."""
        there = [each for each in self.instances.tolist() if each in members]
        first = span.start - self.pace.spread + 1
        read = storage.minutes(
            there,
            _moment(first),
            _moment(span.stop),
            simulated=[each for each in there if members[each].is_mock],
        )
        cpu = np.full((span.stop - first, len(self.instances)), np.nan)
        columns = np.searchsorted(self.instances, read[0])
        for after in reversed(range(self.pace.spread)):
            places = read[1] - first + after
            is_within = places < len(cpu)
            cpu[places[is_within], columns[is_within]] = read[2][is_within]
        return np.asarray(cpu[self.pace.spread - 1 :] / 100 * self._units(span, members, changes))

    def _units(self, span: range, members: Mapping[int, Predicted], changes: Changes) -> Floats:
        minutes = np.arange(span.start, span.stop)
        units = np.full((len(span), len(self.instances)), np.nan)
        for place, each in enumerate(self.instances.tolist()):
            if each in members:
                now = members[each].extent.units
                done = changes.get(each)
                units[:, place] = extent.serving(minutes, now, done) if done else now
        return units


class Shard:
    """What one process knows of the instances of one shard."""

    def __init__(self) -> None:
        self.members: dict[int, Predicted] = {}
        self.changes: Changes = {}
        self._cohorts: list[Cohort] = []

    def learn(self, rows: Iterable[Predicted], now: datetime) -> None:
        """Take who is predicted now, and learn what is due of them, those first who lack least."""
        self.members = {row.instance: row for row in rows}
        self._gather()
        behind = [each for each in self._cohorts if not each.is_current(now)]
        since = min((each.through for each in behind), default=_minute(now)) - _RECENT_MINUTES
        self.changes = self._changes(max(_moment(since), now - HISTORY))
        until = time.monotonic() + LEARNING_S
        for cohort in sorted(behind, key=lambda each: -each.through):
            while not cohort.is_current(now) and time.monotonic() < until:
                cohort.learn(now, self.members, self.changes)

    def current(self, now: datetime) -> Iterator[Cohort]:
        """Yield those who have learned all that there is."""
        return (each for each in self._cohorts if each.is_current(now))

    def mine(self, cohort: Cohort) -> Iterator[tuple[int, Predicted]]:
        """Yield the rows of a cohort that are still predicted as it learns, each with its place."""
        for place, instance in enumerate(cohort.instances.tolist()):
            member = self.members.get(instance)
            if member is not None and member.company == cohort.company:
                yield place, member

    def _gather(self) -> None:
        """Have all learn with those of their company; who joins begins a cohort beside the others."""
        self._cohorts = [each for each in self._cohorts if any(self.mine(each))]
        placed = {member.instance for each in self._cohorts for _, member in self.mine(each)}
        joining = defaultdict(list)
        for member in self.members.values():
            if member.instance not in placed:
                joining[member.company].append(member.instance)
        for company, instances in joining.items():
            alike = [each for each in self._cohorts if each.company == company]
            if len(alike) >= MOST_COHORTS:
                self._cohorts = [each for each in self._cohorts if each not in alike]
                instances += [member.instance for each in alike for _, member in self.mine(each)]
            self._cohorts.append(Cohort(*company, sorted(instances)))

    def _changes(self, since: datetime) -> Changes:
        return extent.steps({key: each.extent for key, each in self.members.items()}, since)


_shards: dict[int, Shard] = {}


def learned(shard: int, shards: int, now: datetime) -> Shard | None:
    """Return what is known of the predicted instances of a shard once it has learned; None without any."""
    rows = predicted(shard, shards)
    if not rows:
        _shards.pop(shard, None)
        return None
    # What failed half-way is not kept: it begins anew.
    found = _shards.pop(shard, None) or Shard()
    found.learn(rows, now)
    _shards[shard] = found
    return found


def forget() -> None:
    """Know nothing, as a process that begins."""
    _shards.clear()


def _minute(now: datetime) -> int:
    return int(now.timestamp()) // 60


def _moment(minute: int) -> datetime:
    return datetime.fromtimestamp(60 * max(minute, 0), UTC)
