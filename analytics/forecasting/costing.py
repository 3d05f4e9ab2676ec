"""Computes each night what costs will be: all of them, each account's, and each service's."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import groupby
from typing import Any

import numpy as np

from analytics import computing
from analytics.costs import CostDay
from analytics.forecasting import limit
from analytics.forecasting.forecasts import DAILY, Forecast, Refusal, forecast
from analytics.forecasting.histories import CostHistory, Estate, Scope
from analytics.forecasting.monthly import MonthEnd, month_end
from analytics.forecasting.series import Floats
from analytics.models import Computation, CostForecast, MonthEndForecast, Subject
from analytics.usable import refusal_of_forecasts
from collectors.models import CloudAccount
from pipelines.claims import Claim
from pipelines.registry import Counts

HORIZON_DAYS = 30
NOTHING = "No costs are stored that a forecast could be made from."

_DAY = timedelta(days=1)
_PLACES = 4
_TESTED = ("method", "coverage", "measured", "origins")
_ROWS = 500


def register() -> None:
    """Have this computed each night."""
    computing.register(Subject.FORECAST, compute)


def compute(claim: Claim, now: datetime) -> Counts:
    """Forecast the coming days of every scope, and its month's end, in place of the last one."""
    today = now.date()
    estate = Estate.at(today)
    if reason := refusal_of_forecasts(now) or ("" if estate.spent else NOTHING):
        with claim.writing():
            Computation.objects.withheld(Subject.FORECAST, reason, claim.run)
        return Counts(forecast=0, refused=0)
    found = _forecasts(claim, estate, today)
    with claim.writing():
        _store(found)
        Computation.objects.done(Subject.FORECAST, now, claim.run)
    made = sum(bool(each.days.method) for each in found)
    return Counts(forecast=made, refused=len(found) - made)


@dataclass(frozen=True, slots=True)
class _Found:
    """What one scope is expected to cost."""

    days: CostForecast
    month: MonthEndForecast

    def explain(self, why: str) -> None:
        """Add to what was refused whose days are too few."""
        for row in (self.days, self.month):
            if row.reason and why:
                row.reason = f"{row.reason} {why}"


def _forecasts(claim: Claim, estate: Estate, today: date) -> list[_Found]:
    """Return forecasts as they are answered: wide scopes first, and of those the ones that cost most."""

    def rank(scope: Scope) -> tuple[int, Decimal, str, int]:
        return _narrowness(scope), -estate.spent[scope], scope.service, scope.account or 0

    ordered = sorted(estate.spent, key=rank)
    places = {scope: place for place, scope in enumerate(ordered)}
    found: dict[Scope, _Found] = {}
    for (unit, account), scopes in groupby(sorted(ordered, key=_history), key=_history):
        accounts = [account] if account else estate.accounts
        history = CostHistory.of(accounts, unit, today)
        for scope in scopes:
            refusal = "" if limit.is_within(places[scope]) else limit.refusal()
            found[scope] = _forecast(scope, history.cost_days(scope.service), today, refusal=refusal)
            found[scope].days.note = "" if account else _missing(estate.silent)
            if not refusal:
                found[scope].explain(history.wanting)
            claim.spend()
    return [found[scope] for scope in ordered]


def _narrowness(scope: Scope) -> int:
    """Return 0 for all costs, 1 for an account's, 2 for a service's, 3 for those of an account's service."""
    return (scope.account is not None) + 2 * bool(scope.service)


def _history(scope: Scope) -> tuple[str, int]:
    """Return what the scope's history is read by; accounts have keys above 0."""
    return scope.unit, scope.account or 0


def _missing(silent: Sequence[str]) -> str:
    return f"No cost is known of {', '.join(silent)}: not in it." if silent else ""


# --- One scope -------------------------------------------------------------------------------
def _forecast(scope: Scope, days: list[CostDay], today: date, *, refusal: str) -> _Found:
    """Forecast a scope from its known days, or note why that is refused."""
    final = [day for day in days if not day.estimated]
    coming: Forecast | Refusal = Refusal(refusal)
    month: MonthEnd | Refusal = Refusal(refusal)
    if not refusal:
        coming = forecast(_values(final, today), seasons=DAILY, horizon=HORIZON_DAYS)
        month = month_end(days, today)
    row = CostForecast(
        account_id=scope.account,
        service=scope.service,
        unit=scope.unit,
        final_through=final[-1].date if final else None,
        start=today,
        **_coming(coming),
    )
    first = today.replace(day=1)
    actual = sum((day.amount for day in final if day.date >= first), Decimal(0))
    return _Found(row, MonthEndForecast(month=first, actual=actual, **_month(month)))


def _values(final: Sequence[CostDay], today: date) -> Floats:
    """Put final days in their places up to yesterday, NaN where there is none."""
    values = np.full((today - final[0].date).days if final else 0, np.nan)
    for day in final:
        values[(day.date - final[0].date).days] = float(day.amount)
    return values


def _coming(found: Forecast | Refusal) -> dict[str, Any]:
    if isinstance(found, Refusal):
        return {"reason": found.reason}
    ranges = {name: _amounts(getattr(found, name)) for name in ("expected", "low", "high")}
    return {**ranges, **{name: getattr(found, name) for name in (*_TESTED, "mase", "smape")}}


def _amounts(values: Floats) -> list[Decimal]:
    return [Decimal(f"{value:.{_PLACES}f}") for value in values]


def _month(found: MonthEnd | Refusal) -> dict[str, Any]:
    if isinstance(found, Refusal):
        return {"reason": found.reason}
    names = ("expected", "low", "high", "days_filled", "days_ahead")
    return {name: getattr(found, name) for name in (*names, *_TESTED)}


# --- Storing ---------------------------------------------------------------------------------
def _store(found: Sequence[_Found]) -> None:
    """Replace what was computed before; an account that was deleted meanwhile is left out."""
    there = {None, *CloudAccount.objects.values_list("pk", flat=True)}
    kept = [each for each in found if each.days.account_id in there]
    CostForecast.objects.all().delete()
    CostForecast.objects.bulk_create([each.days for each in kept], batch_size=_ROWS)
    for each in kept:
        each.month.forecast = each.days
    MonthEndForecast.objects.bulk_create([each.month for each in kept], batch_size=_ROWS)
