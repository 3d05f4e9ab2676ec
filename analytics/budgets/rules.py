"""How far a month's spend is along its budget, and which thresholds it has newly crossed. Pure."""

import calendar
from collections.abc import Collection, Iterable, Mapping, Set
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum

from analytics.costs import CostDay, summarise
from core.errors import InvalidInputError

THRESHOLDS = (50, 80, 100)
"""Percent of the budget's amount."""


class Measure(StrEnum):
    """What is held against a threshold: what was spent, or what the month is expected to come to."""

    ACTUAL = "actual"
    FORECAST = "forecast"


@dataclass(frozen=True, slots=True)
class Charge:
    """What one service of one account cost on one UTC day.

    `tags` are None where the source does not tell; a tag with an empty value is one that is not there.
    """

    day: date
    account: str
    service: str
    amount: Decimal
    currency: str = "USD"
    tags: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Scope:
    """What a budget is for: charges that agree with all that is given; with nothing given, all of them.

    A tag with an empty value is for what has no such tag.
    """

    account: str | None = None
    service: str | None = None
    tag: tuple[str, str] | None = None

    def holds(self, charge: Charge) -> bool | None:
        """Tell whether a charge counts; None where the tag decides, and the source carries none."""
        if self.account not in (None, charge.account) or self.service not in (None, charge.service):
            return False
        if self.tag is None:
            return True
        if charge.tags is None:
            return None
        key, value = self.tag
        return charge.tags.get(key, "") == value


@dataclass(frozen=True, slots=True)
class Budget:
    """So much a month, in one currency.

    Raises: InvalidInputError where the amount or a threshold is not positive.
    """

    scope: Scope
    amount: Decimal
    currency: str = "USD"
    thresholds: tuple[int, ...] = THRESHOLDS

    def __post_init__(self) -> None:
        if not (self.amount.is_finite() and self.amount > 0):
            raise InvalidInputError(f"A budget is more than nothing, not {self.amount}.")
        if not self.thresholds or min(self.thresholds) <= 0:
            raise InvalidInputError("Thresholds are percentages above 0, one at least.")


@dataclass(frozen=True, slots=True)
class Spend:
    """What is known of a month's spend (of the days in it that are over, and of today as far as known).

    `amount` is None where nothing is known; otherwise days of `unknown` are missing from it.
    """

    amount: Decimal | None
    unknown: tuple[date, ...]
    reason: str


@dataclass(frozen=True, slots=True, order=True)
class Told:
    """A threshold that somebody was told of; `month` is its first day."""

    month: date
    measure: Measure
    percent: int


@dataclass(frozen=True, slots=True)
class Threshold:
    """Whether a threshold, which lies at `amount`, is crossed; None, with the reason, where unknown."""

    measure: Measure
    percent: int
    amount: Decimal
    crossed: bool | None
    reason: str


@dataclass(frozen=True, slots=True)
class Status:
    """A budget in a month: `newly` are the thresholds crossed that nobody was told of in it, lowest first."""

    month: date
    spend: Spend
    forecast: Decimal | None
    thresholds: tuple[Threshold, ...]
    newly: tuple[Told, ...]

    def used_percent(self, budget: Budget) -> Decimal | None:
        """Return what is known to be spent, in percent of the budget."""
        return None if self.spend.amount is None else 100 * self.spend.amount / budget.amount


def evaluate(
    budget: Budget, spend: Spend, *, month: date, forecast: Decimal | None, told: Collection[Told] = ()
) -> Status:
    """Hold a month's spend, and what it is expected to come to, against the budget's thresholds.

    `forecast` is the whole month's, None where there is none. A threshold is told of once a month, also where
    AWS corrects the amount below it and it is crossed again.
    """
    first = month.replace(day=1)
    thresholds = (
        *(_actual(budget, spend, percent) for percent in sorted(budget.thresholds)),
        *(_forecast(budget, forecast, percent) for percent in sorted(budget.thresholds)),
    )
    crossed = (Told(first, each.measure, each.percent) for each in thresholds if each.crossed)
    return Status(first, spend, forecast, thresholds, tuple(each for each in crossed if each not in told))


def spent(
    budget: Budget, charges: Iterable[Charge], *, collected: Set[date], month: date, today: date
) -> Spend:
    """Add up what a month's charges come to within the budget's scope.

    `collected` are the days whose costs were read from every account in scope: on them no charge is none. Of
    the other days that are over, and of days with charges that cannot be placed, the spend is unknown.
    """
    first, end = _bounds(month)
    due = {first + timedelta(days=count) for count in range((min(end, today) - first).days)}
    counted: list[CostDay] = []
    unplaced: set[date] = set()
    for charge in charges:
        holds = budget.scope.holds(charge) if first <= charge.day < end else False
        if holds and charge.currency == budget.currency:
            counted.append(CostDay(charge.day, charge.amount))
        elif holds is None or (holds and charge.amount):
            unplaced.add(charge.day)
    uncollected = due - collected
    unknown, reason = tuple(sorted(uncollected | unplaced)), _missing(uncollected, unplaced)
    if counted or (due & collected) - unplaced:
        return Spend(summarise(counted).total or Decimal(0), unknown, reason)
    return Spend(None, unknown, reason or "No day of the month is over.")


def _bounds(month: date) -> tuple[date, date]:
    first = month.replace(day=1)
    return first, first + timedelta(days=calendar.monthrange(first.year, first.month)[1])


def _missing(uncollected: Set[date], unplaced: Set[date]) -> str:
    """Say of how many days the spend is unknown, and why; empty where it is known."""
    said = []
    if uncollected:
        said.append(f"Days not collected: {len(uncollected)}.")
    if unplaced:
        said.append(f"Days with charges whose tags are unknown, or in another currency: {len(unplaced)}.")
    return " ".join(said)


def _actual(budget: Budget, spend: Spend, percent: int) -> Threshold:
    """What is known is enough to cross a threshold, but not to stay below it."""
    at = budget.amount * percent / 100
    if spend.amount is not None and spend.amount >= at:
        return Threshold(Measure.ACTUAL, percent, at, crossed=True, reason=spend.reason)
    is_whole = spend.amount is not None and not spend.unknown
    return Threshold(Measure.ACTUAL, percent, at, crossed=False if is_whole else None, reason=spend.reason)


def _forecast(budget: Budget, forecast: Decimal | None, percent: int) -> Threshold:
    at = budget.amount * percent / 100
    if forecast is None:
        reason = "Costs by tag are not forecast." if budget.scope.tag else "There is no forecast."
        return Threshold(Measure.FORECAST, percent, at, crossed=None, reason=reason)
    return Threshold(Measure.FORECAST, percent, at, crossed=forecast >= at, reason="")
