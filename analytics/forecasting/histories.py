"""What forecasts are made from: the days that costs are known of, and the hours that loads are."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt
from django.contrib.postgres.aggregates import BoolOr
from django.db.models import Count, Sum

from analytics.costs import CostDay
from analytics.forecasting.forecasts import DAILY, LEAST_SEASONS
from analytics.forecasting.series import Floats
from analytics.models import Metric
from collectors import bulk
from collectors.models import (
    CloudAccount,
    DailyCost,
    DailyCostQuerySet,
    Instance,
    MetricDay,
    MetricHour,
)
from collectors.samples.partitions import midnight

COST_DAYS = timedelta(days=400)
LOAD_DAYS = timedelta(days=42)
"""Hours are forecast from six weeks: more take their time, and tell little more."""

RECENT = timedelta(days=30)
LATEST = timedelta(days=10)
"""An account that is collected from no more counts while its newest costs are no older."""

_DAY, _HOUR, _WEEK = timedelta(days=1), timedelta(hours=1), timedelta(weeks=1)
LEAST_DAYS = LEAST_SEASONS * DAILY[0]

_METRICS = tuple(Metric)
_NAMED = 5
_NO_SERIES = 0


# --- Costs -----------------------------------------------------------------------------------
class Scope(NamedTuple):
    """Whose costs, in which currency: of one account or (None) all, of one service or (empty) all."""

    unit: str
    account: int | None = None
    service: str = ""


@dataclass(frozen=True, slots=True)
class Estate:
    """The accounts, by their keys, whose costs are added up, and the ids of those that told of none yet.

    `spent` is what each scope cost lately, in each currency that anything was charged in.
    """

    accounts: Sequence[int]
    silent: Sequence[str]
    spent: Mapping[Scope, Decimal]

    @classmethod
    def at(cls, today: date) -> Self:
        """Return what is there to be forecast on a day."""
        costs = DailyCost.objects.unblended().filter(date__gte=today - COST_DAYS).order_by()
        told: dict[int, bool] = dict(costs.values_list("account_id", "account__enabled").distinct())
        latest = costs.filter(date__gte=today - LATEST).values_list("account_id", flat=True).distinct()
        accounts = sorted({key for key, is_enabled in told.items() if is_enabled} | set(latest))
        asked = CloudAccount.objects.filter(enabled=True).exclude(pk__in=told)
        silent = list(asked.order_by("account_id").values_list("account_id", flat=True))
        recent = costs.filter(account__in=accounts, date__gte=today - RECENT)
        return cls(accounts, silent, _spent(recent))


def _spent(recent: DailyCostQuerySet) -> dict[Scope, Decimal]:
    spent: defaultdict[Scope, Decimal] = defaultdict(Decimal)
    charged = set(recent.exclude(amount=0).values_list("unit", flat=True).distinct())
    sums = recent.filter(unit__in=charged).values_list("unit", "account", "service").annotate(Sum("amount"))
    for unit, account, service, amount in sums.iterator():
        for scope in {(account, service), (account, ""), (None, service), (None, "")}:
            spent[Scope(unit, *scope)] += amount
    return dict(spent)


@dataclass(frozen=True, slots=True)
class CostHistory:
    """The days that are known of some accounts, whether a part of each is estimated, and what services cost.

    A day is known if all of the accounts told of it; whatever they did not mention then cost nothing. `told`
    is how many final days each of several accounts told of, by its id.
    """

    days: Mapping[date, bool]
    services: Mapping[str, Mapping[date, Decimal]]
    told: Mapping[str, int]

    @classmethod
    def of(cls, accounts: Sequence[int], unit: str, today: date) -> Self:
        """Read what accounts cost together, in one currency, before today."""
        costs = DailyCost.objects.unblended().between(today - COST_DAYS, today).filter(account__in=accounts)
        told = costs.order_by("date").values_list("date")
        known = told.annotate(told_by=Count("account", distinct=True), any_estimated=BoolOr("estimated"))
        days = {day: bool(estimated) for day, told_by, estimated in known if told_by == len(accounts)}
        services: defaultdict[str, dict[date, Decimal]] = defaultdict(dict)
        sums = costs.filter(unit=unit).order_by().values_list("service", "date").annotate(Sum("amount"))
        for service, day, amount in sums.iterator():
            services[service][day] = amount
        return cls(days, services, _told(costs) if len(accounts) > 1 else {})

    @property
    def wanting(self) -> str:
        """Name the accounts that told of too few days, which make those of all too few; empty for none."""
        few = sorted((days, account) for account, days in self.told.items() if days < LEAST_DAYS)
        named = ", ".join(f"{account} ({days})" for days, account in few[:_NAMED])
        more = f" and {len(few) - _NAMED} more" if len(few) > _NAMED else ""
        return f"Fewer than {LEAST_DAYS} final days are known of {named}{more}." if few else ""

    def cost_days(self, service: str) -> list[CostDay]:
        """Return what a service, or (empty) all of them, cost on each known day, the earliest first."""
        parts = [self.services.get(service, {})] if service else list(self.services.values())
        return [
            CostDay(day, sum((part.get(day, Decimal(0)) for part in parts), Decimal(0)), estimated)
            for day, estimated in self.days.items()
        ]


def _told(costs: DailyCostQuerySet) -> dict[str, int]:
    """Count the days of each account of which nothing is estimated any more."""
    days = costs.order_by().values_list("account__account_id", "date").annotate(open=BoolOr("estimated"))
    return Counter(account for account, _, is_open in days.iterator() if not is_open)


# --- Loads -----------------------------------------------------------------------------------
class Measured(NamedTuple):
    """An instance, by its key, and what it measured an hour: a row for each `Metric`, NaN where unknown."""

    instance: int
    hours: npt.NDArray[np.float64]

    def of(self, metric: Metric) -> Floats:
        """Return the hours of one metric."""
        found: Floats = self.hours[_METRICS.index(metric)]
        return found


def hours_end(now: datetime) -> datetime:
    """Return when the hours end that are over."""
    return now.replace(minute=0, second=0, microsecond=0)


def busiest_first(now: datetime) -> list[tuple[int, int]]:
    """Return the running instances by their keys, each with its series (0: none), by the last week's CPU."""
    week = MetricDay.objects.between((now - _WEEK).date(), (now + _DAY).date()).filter(cpu_count__gt=0)
    sums = week.order_by().values_list("series").annotate(Sum("cpu_sum"), Sum("cpu_count"))
    average = {series: total / count for series, total, count in sums.iterator()}
    running = Instance.objects.running().values_list("pk", "metric_series")
    found = [(key, series or _NO_SERIES) for key, series in running.iterator()]
    return sorted(found, key=lambda each: (-average.get(each[1], -1.0), each[0]))


def hourly(instances: Sequence[tuple[int, int]], now: datetime) -> Iterator[Measured]:
    """Yield what each of the instances measured, a column for each hour from a midnight six weeks ago on.

    CPU and memory are percents, the network is in bytes a sample.
    """
    start, end = midnight((now - LOAD_DAYS).date()), hours_end(now)
    rows = {series: row for row, (_, series) in enumerate(instances) if series}
    grid = np.full((len(instances), len(_METRICS), (end - start) // _HOUR), np.nan)
    if rows:
        series, hours, *columns = _columns(list(rows), start, end)
        places = np.array([rows[key] for key in series.tolist()], np.intp)
        for metric, column in enumerate(columns):
            grid[places, metric, hours] = column
    for (key, _), measured in zip(instances, grid, strict=True):
        yield Measured(key, measured)


def _columns(series: Sequence[int], start: datetime, end: datetime) -> list[npt.NDArray[np.float64]]:
    averages = ", ".join(
        f"coalesce({metric}_sum / nullif({metric}_count, 0), 'NaN'::float8)" for metric in _METRICS
    )
    sql = f"""
        SELECT series_id, (extract(epoch FROM hour - %s) / 3600)::int, {averages}
        FROM {MetricHour._meta.db_table}
        WHERE series_id = ANY(%s::int[]) AND hour >= %s AND hour < %s"""
    kinds = [np.int32, np.int32, *[np.float64] * len(_METRICS)]
    return bulk.columns(sql, [start, bulk.array(series), start, end], kinds)
