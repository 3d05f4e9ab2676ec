"""Days that cost more or less than they should have, put together into incidents with what moved in them."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from analytics.anomalies.baseline import HISTORY_DAYS, LEAST_DAYS, Floats, baseline
from analytics.anomalies.quiet import is_quiet
from analytics.service_names import short_name

NOISE_TIMES = 4.0
LEAST_SHARE = 0.2
LEAST_USD = 5.0
"""A part's day is out of the ordinary beyond all three: noise, share of what was expected, and amount."""

_ONE_DAY = timedelta(days=1)
_NOWHERE = ("", "global")
"""Regions that name no place: what a bill did not tell apart, and what belongs to all."""

Flags = NDArray[np.bool_]


class Part(NamedTuple):
    """What costs are told apart by."""

    account: str
    service: str
    region: str


@dataclass(frozen=True, slots=True)
class PartDay:
    """What a part cost on a UTC day (USD); estimated while AWS may still restate it."""

    part: Part
    date: date
    amount: Decimal
    estimated: bool = False


class Cause(NamedTuple):
    """What incidents of one origin share, and feedback is kept by; `direction` is 1 for more, -1 for less."""

    account: str
    service: str
    region: str
    direction: int


@dataclass(frozen=True, slots=True)
class Expected:
    """Somebody's word that a cause is as it should be, with what it moved a day then (USD, positive)."""

    cause: Cause
    daily_usd: float


@dataclass(frozen=True, slots=True)
class Share:
    """How much a part moved over an incident's days (USD), and its share of all that moved that way."""

    part: Part
    delta_usd: float
    share: float


@dataclass(frozen=True, slots=True)
class Incident:
    """Days on which parts of a region of an account moved together; amounts in USD.

    `cause` and `first_day` make its `key`, which stays when later days or parts join. `delta_usd` is what its
    parts moved over its days, of which `days` are known; `parts` has the largest first. `is_expected` says
    that feedback quiets it.
    """

    cause: Cause
    first_day: date
    last_day: date
    days: int
    delta_usd: float
    expected_usd: float
    parts: tuple[Share, ...]
    is_expected: bool

    @property
    def key(self) -> str:
        """Name it for good: account, service, region, more or less, and its first day."""
        *where, direction = self.cause
        return "|".join((*map(str, where), "more" if direction > 0 else "less", self.first_day.isoformat()))

    @property
    def daily_usd(self) -> float:
        """Return what it moved on an average day, positive: what feedback is given on."""
        return abs(self.delta_usd) / self.days

    @property
    def sentence(self) -> str:
        """Say what moved most, by how much, and what share of the whole move it was."""
        lead = self.parts[0]
        sign, name = ("+", "jump") if self.cause.direction > 0 else ("-", "drop")
        region = f" in {lead.part.region}" if lead.part.region not in _NOWHERE else ""
        where = f"{short_name(lead.part.service)}{region}"
        return f"{where} {sign}${abs(lead.delta_usd):,.0f}, {100 * lead.share:.0f} % of the {name}"


@dataclass(frozen=True, slots=True)
class Findings:
    """The incidents, latest first, and why accounts, or days of them, could not be judged."""

    incidents: tuple[Incident, ...]
    reasons: Mapping[str, str]


def find(
    rows: Iterable[PartDay],
    collected: Mapping[str, Collection[date]],
    *,
    since: date,
    expected: Collection[Expected] = (),
) -> Findings:
    """Find incidents on the days from `since` on, each judged by the days before it.

    `collected` has the days of each account whose costs were fetched: a part without a row on such a day cost
    nothing, while other days are unknown. A day on which anything is estimated is left out. `rows` reach back
    `HISTORY_DAYS` before `since`, and each part has one row a day at most.
    """
    by_account: dict[str, list[PartDay]] = defaultdict(list)
    for row in rows:
        by_account[row.part.account].append(row)
    incidents: list[Incident] = []
    reasons: dict[str, str] = {}
    for account, days in sorted(collected.items()):
        estimated = {row.date for row in by_account[account] if row.estimated}
        final = sorted(set(days) - estimated)
        table = _table(by_account[account], final)
        judged = [day for day in final if day >= since and _known_before(final, day) >= LEAST_DAYS]
        if judged:
            incidents += _incidents(table, judged, {each.cause: each.daily_usd for each in expected})
        else:
            reasons[account] = _reason(final, since)
    latest_first = sorted(incidents, key=lambda each: (each.last_day, each.delta_usd), reverse=True)
    return Findings(tuple(latest_first), reasons)


@dataclass(frozen=True, slots=True)
class _Table:
    """An account's costs (parts x days from `start`), NaN on days that are not known."""

    parts: tuple[Part, ...]
    start: date
    amounts: Floats

    def place(self, day: date) -> int:
        return (day - self.start).days


class _Moves(NamedTuple):
    """What parts moved on a day, what they were expected to cost, and which did more than is usual."""

    day: date
    delta: Floats
    expected: Floats
    is_unusual: Flags


def _table(rows: Sequence[PartDay], final: Sequence[date]) -> _Table:
    parts = tuple(sorted({row.part for row in rows}))
    if not final:
        return _Table(parts, date.min, np.zeros((len(parts), 0)))
    table = _Table(parts, final[0], np.full((len(parts), (final[-1] - final[0]).days + 1), np.nan))
    table.amounts[:, [table.place(day) for day in final]] = 0.0
    index = {part: place for place, part in enumerate(parts)}
    known = set(final)
    for row in rows:
        if row.date in known:
            table.amounts[index[row.part], table.place(row.date)] += float(row.amount)
    return table


def _known_before(final: Sequence[date], day: date) -> int:
    return sum(day - timedelta(days=HISTORY_DAYS) <= each < day for each in final)


def _reason(final: Sequence[date], since: date) -> str:
    if not any(day >= since for day in final):
        return f"No day since {since} is collected and final."
    return f"{len(final)} days are collected and final; {LEAST_DAYS} before a day are needed to judge it."


def _incidents(table: _Table, judged: Sequence[date], expected: Mapping[Cause, float]) -> Iterator[Incident]:
    moves = [_moves(table, day) for day in judged]
    for region in sorted({part.region for part in table.parts}):
        here = np.array([part.region == region for part in table.parts])
        for direction in (1, -1):
            for run in _runs(moves, here, direction):
                yield _incident(table.parts, run, here, direction, expected)


def _moves(table: _Table, day: date) -> _Moves:
    at = table.place(day)
    actual = table.amounts[:, at]
    usual = baseline(table.amounts[:, max(0, at - HISTORY_DAYS) : at])
    delta = actual - usual.expected
    limit = np.maximum(NOISE_TIMES * usual.noise, LEAST_SHARE * np.abs(usual.expected))
    is_unusual = np.abs(delta) > np.maximum(limit, LEAST_USD)
    return _Moves(day, delta, usual.expected, is_unusual & ~_came_last_month(table, day, actual, delta))


def _came_last_month(table: _Table, day: date, actual: Floats, delta: Floats) -> Flags:
    """Tell which parts did the same on the same day of last month: what is billed monthly."""
    before = day.replace(day=1) - _ONE_DAY
    at = table.place(before.replace(day=min(day.day, before.day)))
    if at < 0:
        return np.zeros(len(actual), bool)
    around = table.amounts[:, max(0, at - 3) : at + 4]
    then = table.amounts[:, at]
    if np.isnan(around).any():
        return np.zeros(len(actual), bool)
    off = LEAST_SHARE * np.abs(delta)
    moved = then - np.median(around, axis=1)
    return (np.abs(actual - then) <= off) & (np.abs(delta - moved) <= off)


def _runs(moves: Sequence[_Moves], here: Flags, direction: int) -> Iterator[list[_Moves]]:
    """Yield days in a row that are out of the ordinary; days that are not known do not part them."""
    run: list[_Moves] = []
    for each in moves:
        if (each.is_unusual & here & (each.delta * direction > 0)).any():
            run.append(each)
        elif run:
            yield run
            run = []
    if run:
        yield run


def _incident(
    parts: Sequence[Part],
    run: Sequence[_Moves],
    here: Flags,
    direction: int,
    expected: Mapping[Cause, float],
) -> Incident:
    """Put days in a row together; the largest part of the first day names the cause."""
    moved = [np.where(each.delta * direction > 0, each.delta, 0.0) for each in run]
    own = [each.is_unusual & here & (each.delta * direction > 0) for each in run]
    lead = parts[int(np.argmax(np.where(own[0], np.abs(moved[0]), -1.0)))]
    cause = Cause(*lead, direction)
    total = np.sum(moved, axis=0)
    members = np.flatnonzero(np.any(own, axis=0))
    shares = [Share(parts[at], float(total[at]), float(total[at] / total.sum())) for at in members.tolist()]
    delta = float(total[members].sum())
    return Incident(
        cause=cause,
        first_day=run[0].day,
        last_day=run[-1].day,
        days=len(run),
        delta_usd=delta,
        expected_usd=float(sum(each.expected[members].sum() for each in run)),
        parts=tuple(sorted(shares, key=lambda each: -abs(each.delta_usd))),
        is_expected=is_quiet(abs(delta) / len(run), expected.get(cause)),
    )
