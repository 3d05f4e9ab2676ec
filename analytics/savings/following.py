"""Whether a recommendation was followed, and what the days before and after that cost."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum

from analytics.savings.prices import HOURS_A_MONTH
from analytics.savings.realised import Spell
from analytics.savings.records import Kind

FORTNIGHT = 14
"""Days that are compared on either side of a change."""

STOPS = 3
"""So many stops are no accident but a schedule."""

RESIZING = frozenset({Kind.OVERSIZED, Kind.FAMILY, Kind.GENERATION})
_OFF = frozenset({"stopping", "stopped", "shutting-down", "terminated"})
_DAY_HOURS = 24
_DAY = timedelta(days=1)


class Change(StrEnum):
    """What was done."""

    RESIZED = "resized"
    STOPPED = "stopped"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class Promise:
    """A recommendation that stands: what about, from when on, and with what in mind."""

    kind: Kind
    from_type: str
    to_type: str
    usd: Decimal | None


@dataclass(frozen=True, slots=True)
class Present:
    """What has become of the resource since then.

    `since` is when it came into its state, `type_since` when it was found to be of its type, `stops` when it
    was found stopped since it was recommended about. `disks_gone_at` is when the last of the disks that are
    meant was found gone, None while one is there.
    """

    type: str
    state: str
    gone_at: datetime | None = None
    since: datetime | None = None
    type_since: datetime | None = None
    stops: Sequence[datetime] = ()
    disks_gone_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Followed:
    """What was done, and when that was found; None: nobody saw when."""

    change: Change
    at: datetime | None


def followed(promise: Promise, now: Present) -> Followed | None:
    """Say how a recommendation was followed; None where it was not."""
    if promise.kind in RESIZING:
        is_resized = now.gone_at is None and now.state not in _OFF and now.type != promise.from_type
        return Followed(Change.RESIZED, now.type_since) if is_resized else None
    if now.gone_at is not None:
        return Followed(Change.DELETED, now.gone_at)
    if promise.kind in (Kind.IDLE, Kind.SCHEDULE):
        return _stopped(promise.kind, now)
    return Followed(Change.DELETED, now.disks_gone_at) if now.disks_gone_at else None


def _stopped(kind: Kind, now: Present) -> Followed | None:
    if kind is Kind.SCHEDULE and len(now.stops) >= STOPS:
        return Followed(Change.STOPPED, min(now.stops))
    return Followed(Change.STOPPED, now.since) if now.state in _OFF else None


def credited(promises: Iterable[Promise], to_type: str) -> Promise:
    """Choose which of a resource's recommendations a change is put down to, so that it counts once.

    It is the one that names what the resource has become, and else the largest.
    """
    return max(
        promises, key=lambda each: (bool(each.to_type) and each.to_type == to_type, each.usd or Decimal(0))
    )


# --- Before and after ------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Life:
    """The states that an instance was found in, the earliest first, and when it was gone."""

    changes: Sequence[tuple[datetime, str]] = ()
    gone_at: datetime | None = None

    def is_off(self, day: date) -> bool:
        """Say whether it is known to have been off for the whole of a UTC day."""
        begin = midnight(day)
        if self.gone_at is not None and self.gone_at <= begin:
            return True
        states = {state for at, state in self.changes if begin < at < begin + _DAY}
        before = [state for at, state in self.changes if at <= begin]
        return bool(before) and {before[-1], *states} <= _OFF


def days_before(changed_at: datetime) -> list[date]:
    """Return the days before a change, without its own."""
    return [changed_at.date() - back * _DAY for back in range(FORTNIGHT, 0, -1)]


def days_after(changed_at: datetime) -> list[date]:
    """Return the days after a change, without its own."""
    return [changed_at.date() + ahead * _DAY for ahead in range(1, FORTNIGHT + 1)]


def is_over(changed_at: datetime, now: datetime) -> bool:
    """Say whether the days after a change have all passed."""
    return now.date() > changed_at.date() + FORTNIGHT * _DAY


def ran(
    days: Iterable[date],
    shares: Mapping[date, float],
    life: Life,
    hourly_usd: Decimal | None,
    cpu_p99: float | None = None,
) -> Spell:
    """Return what an instance cost on the days of which it is known how long it ran.

    `shares` are those of the hours in which it reported; a day without is known where it was off.
    """
    known = [shares.get(day, 0.0) for day in days if day in shares or life.is_off(day)]
    hours = Decimal(str(round(_DAY_HOURS * sum(known))))
    return Spell(len(known), None if hourly_usd is None else hours * hourly_usd, cpu_p99)


def stored(days: Sequence[date], disks: Iterable[tuple[Decimal | None, datetime | None]]) -> Spell:
    """Return what disks cost on these days, given what each costs a month and when it was gone."""
    usd = Decimal(0)
    for monthly_usd, gone_at in disks:
        count = sum(gone_at is None or gone_at > midnight(day) for day in days)
        if count and monthly_usd is None:
            return Spell(len(days), None)
        usd += (monthly_usd or Decimal(0)) * _DAY_HOURS * count / HOURS_A_MONTH
    return Spell(len(days), usd)


def midnight(day: date) -> datetime:
    """Return when a UTC day begins."""
    return datetime.combine(day, time(), UTC)
