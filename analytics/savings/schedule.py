"""Whether an instance could be stopped at the same hours every week: 168 cells of weekday and hour.

A cell is quiet where the CPU stayed below what is called idle (analytics.savings.waste) in that hour of every
week observed, in three weeks at least. What is recommended are runs of quiet cells that are long enough to be
worth a stop and a start. It is checked by leaving one week out: of the hours that the other weeks chose, so
many have to have been quiet in it; their share is the confidence.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from analytics.savings.confidence import succession
from analytics.savings.market import LEAST_SHARE, Market
from analytics.savings.reasons import Reason
from analytics.savings.records import Kind, Machine, Recommendation, Verdict, Withheld
from analytics.savings.sizing import barred
from analytics.savings.usage import Floats, Ints
from analytics.savings.waste import IDLE_CPU_PERCENT

CELLS = 168
LEAST_WEEKS = 3
LEAST_RUN = 4
"""Hours in a row for which a stop is worth it."""

LEAST_HELD = 0.9
"""A schedule that would have stopped the instance at a busy hour more often is not recommended."""

_TOO_SHORT = f"Its hours are not known for {LEAST_WEEKS} weeks yet."
_AHEAD = (np.arange(CELLS)[:, None] + np.arange(LEAST_RUN)) % CELLS
_BEHIND = (np.arange(CELLS)[:, None] - np.arange(LEAST_RUN)) % CELLS
_DAY_HOURS = 24
_FIRST_MONDAY = date(1970, 1, 5)
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Calendar:
    """Which week and cell the first and last minutes of hours lie in, in a time zone: 2 x hours.

    They differ where the zone's hours do not begin with UTC's: such an hour counts in both its cells.
    """

    zone: str
    weeks: Ints
    cells: Ints


@dataclass(frozen=True, slots=True)
class Rhythm:
    """The busiest CPU of each cell in each week, in percent: weeks x 168, NaN where not known.

    `coverage` is the share of the calendar's hours that is known.
    """

    zone: str
    cpu: Floats
    coverage: float


def calendar(hours: Ints, zone: ZoneInfo) -> Calendar:
    """Place hours (counted from 1970, UTC) in a zone's weeks; made once for all instances."""
    begin = [datetime(1970, 1, 1, tzinfo=UTC) + timedelta(hours=int(hour)) for hour in hours]
    end = [moment + timedelta(minutes=59) for moment in begin]
    places = np.array([_place(moment.astimezone(zone)) for moment in (*begin, *end)], np.int64).reshape(
        2, -1, 2
    )
    weeks, cells = places[..., 0], places[..., 1]
    return Calendar(zone.key, weeks - weeks.min() if len(hours) else weeks, cells)


def rhythm(calendar: Calendar, cpu: Floats) -> Rhythm:
    """Arrange the highest CPU of each of the calendar's hours, NaN where not known."""
    grid = np.full((int(calendar.weeks.max(initial=0)) + 1, CELLS), np.nan)
    for weeks, cells in zip(calendar.weeks, calendar.cells, strict=True):
        np.fmax.at(grid, (weeks, cells), cpu)
    coverage = float(np.mean(~np.isnan(cpu))) if len(cpu) else 0.0
    return Rhythm(calendar.zone, grid, coverage)


def scheduled(machine: Machine, rhythm: Rhythm | None, market: Market) -> Verdict:
    """Recommend to stop an instance at the hours of the week that were always quiet."""
    reason = barred(machine, market)
    if reason or rhythm is None:
        return Withheld(Kind.SCHEDULE, machine.resource, reason or _TOO_SHORT)
    is_off = off_cells(rhythm.cpu, LEAST_WEEKS)
    if is_off.all():
        return Withheld(Kind.SCHEDULE, machine.resource, "It is idle at all hours.")
    share = Decimal(int(is_off.sum())) / CELLS
    price = market.price(machine).usd
    if price is None or share < LEAST_SHARE:
        return Withheld(
            Kind.SCHEDULE, machine.resource, f"No long hours are quiet in {LEAST_WEEKS} weeks and more."
        )
    held, chosen = left_out(rhythm.cpu)
    if held < LEAST_HELD * chosen:
        return Withheld(
            Kind.SCHEDULE,
            machine.resource,
            Reason(
                f"Of {chosen} hours that the other weeks would have chosen, {held} were quiet: too few.",
                "Too few of the hours that the other weeks would have chosen were quiet.",
            ),
        )
    return Recommendation(
        kind=Kind.SCHEDULE,
        resource=machine.resource,
        region=machine.region,
        from_type=machine.instance_type,
        evidence={
            "zone": rhythm.zone,
            "off": describe(is_off),
            "off_hours_a_week": int(is_off.sum()),
            "weeks": len(rhythm.cpu),
            "hours_checked": chosen,
            "hours_checked_quiet": held,
        },
        coverage=rhythm.coverage,
        confidence=rhythm.coverage * succession(held, chosen),
        monthly_usd=price * share,
    )


def off_cells(cpu: Floats, least: int) -> Flags:
    """Return the quiet cells known in `least` weeks, in runs of `LEAST_RUN` or more; the week is a circle."""
    is_known = np.count_nonzero(~np.isnan(cpu), axis=0) >= least
    is_quiet: Flags = is_known & ~(cpu >= IDLE_CPU_PERCENT).any(axis=0)
    begins = is_quiet[_AHEAD].all(axis=1)
    is_off: Flags = begins[_BEHIND].any(axis=1)
    return is_off


def left_out(cpu: Floats) -> tuple[int, int]:
    """Choose by all weeks but one, for each: return how many hours were quiet in it, and of how many."""
    held = chosen = 0
    for week in range(len(cpu)):
        is_off = off_cells(np.delete(cpu, week, axis=0), LEAST_WEEKS - 1) & ~np.isnan(cpu[week])
        chosen += int(is_off.sum())
        held += int((is_off & (cpu[week] < IDLE_CPU_PERCENT)).sum())
    return held, chosen


def describe(is_off: Flags) -> str:
    """Say a week's hours in words: "Mon 00-07, 20-24; Sat 00-24"."""
    days = []
    for name, hours in zip(_DAYS, is_off.reshape(-1, _DAY_HOURS), strict=True):
        edges = np.flatnonzero(np.diff(np.concatenate([[False], hours, [False]]).astype(np.int8)))
        if len(edges):
            runs = ", ".join(f"{first:02d}-{last:02d}" for first, last in edges.reshape(-1, 2))
            days.append(f"{name} {runs}")
    return "; ".join(days)


def _place(moment: datetime) -> tuple[int, int]:
    """Return the week, counted from 1970's first Monday, and the cell."""
    days = (moment.date() - _FIRST_MONDAY).days
    return days // 7, moment.weekday() * _DAY_HOURS + moment.hour
