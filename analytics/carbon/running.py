"""How long an instance ran and how busy it was, by the states observed and its days of CPU. Pure."""

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from math import fsum

RUNNING = "running"
_DAY_H = 24.0
_EARLIEST, _LATEST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Change:
    """A scan found another state than before; `before` is empty where the instance was new to it."""

    at: datetime
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Life:
    """What is known of an instance's states: `changes` are those since the period began, oldest first.

    `launched_at` is when it last started, as EC2 has it.
    """

    state: str
    first_seen: datetime
    launched_at: datetime | None = None
    gone_at: datetime | None = None
    changes: Sequence[Change] = ()


@dataclass(frozen=True, slots=True)
class Load:
    """A day's mean CPU, and the share of the day's hours in which the instance reported any."""

    cpu_percent: float
    coverage: float


@dataclass(frozen=True, slots=True)
class Ran:
    """`hours` that it ran, as far as is known, None where nothing is; of `unknown_hours` that is not known.

    `cpu_percent` is the mean of the hours that were measured, which are `measured_share` (0 to 1) of `hours`.
    """

    hours: float | None
    unknown_hours: float
    cpu_percent: float | None
    measured_share: float


def ran(life: Life, loads: Mapping[date, Load], *, collected: Set[date], days: Sequence[date]) -> Ran:
    """Tell how long an instance ran on these days, and how busy it was.

    Where no state was observed, the CPU tells, since EC2 publishes it of every hour that an instance runs: on
    days of which it was `collected`, the hours that reported are those that it ran.
    """
    states = list(_stretches(life))
    figures = [_of_day(states, day, loads.get(day), is_collected=day in collected) for day in days]
    hours = fsum(each.hours for each in figures)
    unknown = fsum(each.unknown for each in figures)
    measured = fsum(each.measured for each in figures)
    if figures and unknown >= _DAY_H * len(figures):
        return Ran(None, unknown, None, 0.0)
    return Ran(
        hours,
        unknown,
        fsum(each.weighted_cpu for each in figures) / measured if measured else None,
        _share(measured, hours),
    )


def _share(measured: float, hours: float) -> float:
    """Return which share of the hours was measured: of the one in which it started, not all can be."""
    if not hours:
        return 0.0
    return 1.0 if hours - measured < 1 else measured / hours


@dataclass(frozen=True, slots=True)
class _Day:
    hours: float
    unknown: float
    measured: float
    weighted_cpu: float


_Stretch = tuple[datetime, datetime, str | None]
"""From when to when there was which state, None where it is not known."""


def _of_day(states: Sequence[_Stretch], day: date, load: Load | None, *, is_collected: bool) -> _Day:
    start = datetime.combine(day, time(), UTC)
    hours, unknown = _observed(states, start, start + timedelta(days=1))
    reported = load.coverage * _DAY_H if load else 0.0
    if unknown and (load or is_collected):
        hours, unknown = max(hours, min(reported, hours + unknown)), 0.0
    measured = min(reported, hours)
    return _Day(hours, unknown, measured, measured * load.cpu_percent if load else 0.0)


def _observed(states: Sequence[_Stretch], start: datetime, end: datetime) -> tuple[float, float]:
    """Return the hours of a day in which it is known to have run, and those of which that is not known."""
    hours = unknown = 0.0
    for since, until, state in states:
        length = (min(end, until) - max(start, since)).total_seconds() / 3600
        if length > 0 and state is None:
            unknown += length
        elif length > 0 and state == RUNNING:
            hours += length
    return hours, unknown


def _stretches(life: Life) -> Iterator[_Stretch]:
    """Yield the stretches of one state each, up to when it is gone."""
    end = life.gone_at or _LATEST
    for (since, state), (until, _) in pairwise([*_marks(life), (end, None)]):
        yield since, min(until, end), state


def _marks(life: Life) -> list[tuple[datetime, str | None]]:
    """Return since when there was which state; of when the present run began, EC2 knows better than scans."""
    marks: list[tuple[datetime, str | None]] = [(_EARLIEST, None)]
    if not life.changes or life.changes[0].before:
        marks.append((life.first_seen, life.changes[0].before if life.changes else life.state))
    marks += [(change.at, change.after) for change in life.changes]
    if life.state == RUNNING and life.launched_at is not None:
        since = life.launched_at
        return [*(mark for mark in marks if mark[0] < since), (since, RUNNING)]
    return marks
