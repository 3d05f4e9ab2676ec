"""Daily costs as pages show them: which were chosen, what tells them apart, and what is expected of them."""

import calendar
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import partial

from analytics import tag_costs
from analytics.costs import CostDay
from analytics.models import Anomaly, AnomalyQuerySet, AnomalyState, Computation, CostForecast, Subject
from analytics.service_names import short_name
from analytics.tag_costs import TagState
from analytics.views import chosen_costs
from collectors.billing import tagging
from collectors.models import DailyCostQuerySet, DailyTagCost, DailyTagCostQuerySet
from core.period import Period

DRAWN = 5
"""So many parts are drawn apart; there is a colour for each, and one for the others."""
_DAY = timedelta(days=1)


# --- What was chosen -------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Chosen:
    """Which costs are looked at: of some days, in one currency; None is all of them."""

    period: Period
    currency: str
    account: str | None = None
    service: str | None = None
    region: str | None = None

    @classmethod
    def of(cls, period: Period, query: Mapping[str, str]) -> "Chosen":
        """Settle the currency, where none is named. Raises: NotFound for an account that is not known."""
        named = {name: query.get(name) or None for name in ("account", "service", "region")}
        asked = {name: query[name] for name in ("account", "currency") if query.get(name)}
        currency, _ = chosen_costs(asked)
        return cls(period, currency, **named)

    @property
    def costs(self) -> DailyCostQuerySet:
        """Those costs, of whatever day."""
        asked = {"currency": self.currency, **({"account": self.account} if self.account else {})}
        _, found = chosen_costs(asked)
        return found.filter(**self._named)

    @property
    def tagged(self) -> DailyTagCostQuerySet:
        """The same by tag, as far as billing files tell."""
        owner = {"account__account_id": self.account} if self.account else {}
        return DailyTagCost.objects.filter(unit=self.currency, **owner, **self._named)

    @property
    def _named(self) -> dict[str, str]:
        return {name: getattr(self, name) for name in ("service", "region") if getattr(self, name)}

    def on(self, period: Period) -> "Chosen":
        """Return the same of other days."""
        return Chosen(period, self.currency, self.account, self.service, self.region)

    @property
    def before(self) -> Period:
        """As many days before those."""
        return Period(self.period.start - (self.period.end - self.period.start), self.period.start)


def month_of(today: date) -> Period:
    """Return the whole month that a day is in."""
    first = today.replace(day=1)
    return Period(first, first + calendar.monthrange(first.year, first.month)[1] * _DAY)


def days_of(chosen: Chosen) -> list[CostDay]:
    """Return what each day cost; a day that nothing is stored of is left out."""
    rows = chosen.costs.between(chosen.period.start, chosen.period.end).daily_totals()
    return [CostDay(row["date"], row["total"], row["any_estimated"]) for row in rows]


# --- What costs are told apart by ------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Cell:
    """What one part of the costs came to on a day."""

    day: date
    part: str
    amount: Decimal
    is_estimated: bool


def _by_column(column: str, chosen: Chosen) -> list[Cell]:
    rows = chosen.costs.between(chosen.period.start, chosen.period.end).daily_totals(column)
    return [Cell(row["date"], row[column], row["total"], row["any_estimated"]) for row in rows]


def _by_tag(key: str, chosen: Chosen) -> list[Cell]:
    start, end = chosen.period.start, chosen.period.end
    told = tag_costs.by_value(chosen.costs.between(start, end), chosen.tagged.between(start, end), key)
    return [Cell(each.date, f"{each.state}:{each.value or ''}", each.amount, each.estimated) for each in told]


def _tag_called(part: str) -> str:
    state, _, value = part.partition(":")
    return _WITHOUT_VALUE.get(state, value)


def _as_it_is(part: str) -> str:
    return part or "not told apart"


def _undivided(chosen: Chosen) -> list[Cell]:
    return [Cell(day.date, "", day.amount, day.estimated) for day in days_of(chosen)]


@dataclass(frozen=True, slots=True)
class Grouping:
    """A way to tell costs apart: how its cells are read, and what a part is called.

    `narrows` is the filter that keeps one part alone; empty where there is none.
    """

    label: str
    cells: Callable[[Chosen], list[Cell]]
    called: Callable[[str], str] = _as_it_is
    narrows: str = ""


_WITHOUT_VALUE: dict[str, str] = {
    TagState.UNTAGGED: "without this tag",
    TagState.OTHER: "other values",
    TagState.UNKNOWN: "unknown: no billing file tells",
}
_TAG = "tag:"
UNDIVIDED = Grouping("nothing", _undivided, lambda _part: "all costs")
GROUPINGS = {
    "service": Grouping("service", partial(_by_column, "service"), short_name, "service"),
    "account": Grouping("account", partial(_by_column, "account__account_id"), narrows="account"),
    "region": Grouping("region", partial(_by_column, "region"), narrows="region"),
    "none": UNDIVIDED,
}
"""The groupings that there always are, by their names in addresses; the first is the usual one."""


def groupings() -> list[tuple[str, str]]:
    """Return the groupings that people choose from: those, and the tags of which billing files tell."""
    tags = [(_TAG + told.tag_key, f"tag {told.tag_key}") for told in tagging.every_key()]
    return [*((name, grouping.label) for name, grouping in GROUPINGS.items()), *tags]


def grouping_of(name: str) -> Grouping:
    """Return a grouping by its name; the usual one, where it has none."""
    if name.startswith(_TAG):
        key = name.removeprefix(_TAG)
        return Grouping(f"tag {key}", partial(_by_tag, key), _tag_called)
    return GROUPINGS[name or next(iter(GROUPINGS))]


@dataclass(frozen=True, slots=True)
class Row:
    """What a part came to, and what it did over as many days before; None, with the reason, is unknown."""

    part: str
    name: str
    total: Decimal
    share: Decimal | None
    before: Decimal | None
    why: str = ""

    @property
    def change(self) -> Decimal | None:
        """How much more it is than before."""
        return None if self.before is None else self.total - self.before


def rows_of(cells: Sequence[Cell], earlier: Sequence[Cell], grouping: Grouping) -> list[Row]:
    """Add each part up, the largest first; shares are of what all come to, where that is above zero.

    Fewer days than these are held against nothing: what is not stored is not known to have cost less.
    """
    totals, known = _totals(cells), len({cell.day for cell in earlier})
    is_whole = known >= len({cell.day for cell in cells})
    before, why = (_totals(earlier), "nothing is stored") if is_whole else ({}, "too few days are stored")
    whole = sum(totals.values(), Decimal(0))
    return [
        Row(part, grouping.called(part), total, total / whole if whole > 0 else None, before.get(part), why)
        for part, total in sorted(totals.items(), key=lambda each: (-each[1], each[0]))
    ]


def largest(cells: Sequence[Cell]) -> list[str]:
    """Return the parts that are worth being drawn apart, the largest first."""
    totals = _totals(cells)
    return sorted(totals, key=lambda part: (-abs(totals[part]), part))[:DRAWN]


def _totals(cells: Sequence[Cell]) -> dict[str, Decimal]:
    totals: defaultdict[str, Decimal] = defaultdict(Decimal)
    for cell in cells:
        totals[cell.part] += cell.amount
    return dict(totals)


# --- What is expected ------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Ahead:
    """What the coming days and the month are expected to cost; without a forecast, why."""

    forecast: CostForecast | None
    reason: str

    def days(self) -> dict[date, tuple[Decimal, Decimal, Decimal]]:
        """Return what is expected of each day, with the ends of its range."""
        if self.forecast is None:
            return {}
        found = zip(self.forecast.expected, self.forecast.low, self.forecast.high, strict=True)
        return {self.forecast.start + place * _DAY: figures for place, figures in enumerate(found)}


def ahead_of(chosen: Chosen) -> Ahead:
    """Return what was forecast of the chosen account and service."""
    if chosen.region:
        return Ahead(None, "The costs of a single region are not forecast.")
    owner = {"account__account_id": chosen.account} if chosen.account else {"account": None}
    stored = CostForecast.objects.filter(**owner, service=chosen.service or "", unit=chosen.currency)
    found = stored.select_related("month_end").first()
    if found is None:
        standing = Computation.objects.standing(Subject.FORECAST)
        return Ahead(None, standing["reason"] or "No such costs were there to be forecast.")
    return Ahead(found, found.reason)


def anomalies_of(chosen: Chosen) -> AnomalyQuerySet:
    """Return the incidents of cost on those days that were not withdrawn, the latest first."""
    names = {"account": "account__account_id", "service": "service", "region": "region"}
    named = {column: getattr(chosen, name) for name, column in names.items() if getattr(chosen, name)}
    going_on = {"last_at__date__gte": chosen.period.start, "first_at__date__lt": chosen.period.end}
    found = Anomaly.objects.costs().filter(**named, **going_on)
    return found.exclude(state=AnomalyState.WITHDRAWN).select_related("account")
