"""When the platform itself is in trouble, and how many more workers it wants; nothing is written here.

What holds is judged by the minutes' own timestamps. A condition is sustained where it held in each minute
that is known, for long enough and in enough of them. A minute of which nothing is known says nothing, neither
for nor against, but a gap that is too wide ends the stretch.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Minute:
    """What is known of a minute, by when it began; CPU is None where no worker told."""

    at: datetime
    attempts: int
    failures: int
    cpu_percent: float | None = None

    @property
    def error_rate(self) -> float | None:
        """The share of attempts that failed; None where none ended."""
        return self.failures / self.attempts if self.attempts else None


@dataclass(frozen=True, slots=True)
class Demand:
    """What makes a stretch of minutes long enough to count."""

    span: timedelta
    least_minutes: int
    widest_gap: timedelta
    least_attempts: int = 0


@dataclass(frozen=True, slots=True)
class Limits:
    """Above and below what something is done.

    Source: the alert policies of the document that the platform follows (5 % for 5 minutes, 80 % for 10);
    how much has to be known for that, and when workers are taken away, is ours.
    """

    error_rate: float = 0.05
    cpu_high_percent: float = 80.0
    cpu_low_percent: float = 60.0
    # Where few attempts end, one that fails would be all of the errors: less than 20 are not judged.
    errors: Demand = Demand(timedelta(minutes=5), 3, timedelta(minutes=5), least_attempts=20)
    # What fails by night may not run again before the day: the end is seen however long nothing ran.
    calm: Demand = Demand(timedelta(minutes=5), 3, timedelta(days=1))
    cpu: Demand = Demand(timedelta(minutes=10), 8, timedelta(minutes=2))
    most_extra: int = 5
    pause: timedelta = timedelta(minutes=10)


DEFAULT = Limits()


# --- Whether something holds ------------------------------------------------------------------
def stretch(
    minutes: Sequence[Minute],
    known: Callable[[Minute], float | None],
    holds: Callable[[float], bool],
    widest_gap: timedelta,
    now: datetime,
) -> list[Minute]:
    """Return the latest known minutes for which it holds, without a gap wider than that up to now.

    The minutes come in the order of their time, and so do those that are returned.
    """
    found: list[Minute] = []
    until = now
    for minute in reversed(minutes):
        if (value := known(minute)) is None:
            continue
        if until - (minute.at + MINUTE) > widest_gap or not holds(value):
            break
        found.append(minute)
        until = minute.at
    return found[::-1]


def is_enough(found: Sequence[Minute], demand: Demand) -> bool:
    """Say whether a stretch is long enough, and enough is known of it."""
    if len(found) < demand.least_minutes:
        return False
    span = found[-1].at + MINUTE - found[0].at
    return span >= demand.span and sum(minute.attempts for minute in found) >= demand.least_attempts


def _sustained(
    minutes: Sequence[Minute],
    known: Callable[[Minute], float | None],
    holds: Callable[[float], bool],
    demand: Demand,
    now: datetime,
) -> list[Minute]:
    """Return the stretch for which it holds up to now, where that is enough; else nothing."""
    found = stretch(minutes, known, holds, demand.widest_gap, now)
    return found if is_enough(found, demand) else []


# --- Errors ----------------------------------------------------------------------------------
def failing(minutes: Sequence[Minute], now: datetime, limits: Limits = DEFAULT) -> list[Minute]:
    """Return the minutes up to now in which too much failed, where that is sustained."""
    return _sustained(minutes, _error_rate, lambda rate: rate > limits.error_rate, limits.errors, now)


def calm(minutes: Sequence[Minute], now: datetime, limits: Limits = DEFAULT) -> list[Minute]:
    """Return the minutes up to now in which not too much failed, where that is sustained."""
    return _sustained(minutes, _error_rate, lambda rate: rate <= limits.error_rate, limits.calm, now)


def _error_rate(minute: Minute) -> float | None:
    return minute.error_rate


def error_rate(minutes: Sequence[Minute]) -> float | None:
    """Return the share of failures in all of these minutes; None where no attempt ended."""
    attempts = sum(minute.attempts for minute in minutes)
    return sum(minute.failures for minute in minutes) / attempts if attempts else None


# --- CPU -------------------------------------------------------------------------------------
def busy(minutes: Sequence[Minute], now: datetime, limits: Limits = DEFAULT) -> list[Minute]:
    """Return the minutes up to now with too much CPU, where that is sustained."""
    return _sustained(minutes, _cpu, lambda percent: percent > limits.cpu_high_percent, limits.cpu, now)


def at_ease(minutes: Sequence[Minute], now: datetime, limits: Limits = DEFAULT) -> list[Minute]:
    """Return the minutes up to now without too much CPU, where that is sustained."""
    return _sustained(minutes, _cpu, lambda percent: percent <= limits.cpu_high_percent, limits.cpu, now)


def idle(minutes: Sequence[Minute], now: datetime, limits: Limits = DEFAULT) -> list[Minute]:
    """Return the minutes up to now with so little CPU that a worker can go, where that is sustained."""
    return _sustained(minutes, _cpu, lambda percent: percent < limits.cpu_low_percent, limits.cpu, now)


def _cpu(minute: Minute) -> float | None:
    return minute.cpu_percent


@dataclass(frozen=True, slots=True)
class Change:
    """How many extra workers there are to be from now on, and why."""

    extra_workers: int
    reason: str


def capacity(
    minutes: Sequence[Minute],
    extra_workers: int,
    changed_at: datetime | None,
    now: datetime,
    limits: Limits = DEFAULT,
) -> Change | None:
    """Add a worker while machines are busy, and take one back while they are not; None to leave it so.

    There is one change in ten minutes at most, so that what it came to is seen before the next one.
    """
    if changed_at is not None and now - changed_at < limits.pause:
        return None
    if extra_workers < limits.most_extra and (found := busy(minutes, now, limits)):
        return Change(extra_workers + 1, _reason(found, f"above {limits.cpu_high_percent:g} %"))
    if extra_workers > 0 and (found := idle(minutes, now, limits)):
        return Change(extra_workers - 1, _reason(found, f"below {limits.cpu_low_percent:g} %"))
    return None


def _reason(found: Sequence[Minute], where: str) -> str:
    lasted = (found[-1].at + MINUTE - found[0].at) // MINUTE
    return f"CPU {where} for {lasted} minutes (now {found[-1].cpu_percent:.1f} %)"
