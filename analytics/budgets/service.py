"""How far budgets are along: looked at each night, and whenever one is changed."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import Count, Sum

from analytics import computing
from analytics.budgets import alarming, rules
from analytics.budgets.rules import Charge, Measure, Scope, Spend, Status, Told
from analytics.forecasting.service import month_end_forecast
from analytics.models import Budget, BudgetStatus, Computation, Subject
from collectors.models import CloudAccount, DailyCost, DailyCostQuerySet, DailyTagCost
from pipelines.models import Run
from pipelines.registry import Counts

_LONGEST_MONTH = timedelta(days=31)


def register() -> None:
    """Have budgets looked at each night, once all that they are held against is computed."""
    computing.register_conclusion(Subject.BUDGETS, conclude)


def conclude(run: Run, now: datetime) -> Counts:
    """Hold all budgets against the month, and end the alerts of those that are there no more."""
    keys = list(Budget.objects.order_by("pk").values_list("pk", flat=True))
    told = sum(look(key, now) for key in keys)
    alarming.end_others(keys)
    Computation.objects.done(Subject.BUDGETS, now, run)
    return Counts(budgets=len(keys), budget_notices=told)


@transaction.atomic
def look(key: int, now: datetime, *, is_changed: bool = False) -> int:
    """Hold a budget against the present month, tell what it newly crosses, and return how much that was.

    Where it `is_changed`, the alerts on what it does not cross any more are over.
    """
    locked = Budget.objects.select_for_update(of=("self",)).select_related("account")
    budget = locked.filter(pk=key).first()
    if budget is None:
        return 0
    status = _status(budget, now.date())
    alarming.end_past(budget, status.month)
    if is_changed:
        alarming.end_uncrossed(budget, status)
    alarming.tell(budget, status, now)
    BudgetStatus.objects.update_or_create(budget=budget, defaults=_stored(status, now))
    return len(status.newly)


def rule_of(budget: Budget) -> rules.Budget:
    """Return the budget as the rules take it."""
    scope = Scope(
        budget.account.account_id if budget.account else None,
        budget.service or None,
        (budget.tag_key, budget.tag_value) if budget.tag_key else None,
    )
    return rules.Budget(scope, budget.amount, budget.currency, tuple(budget.thresholds))


def _status(budget: Budget, today: date) -> Status:
    rule, month = rule_of(budget), today.replace(day=1)
    told = budget.notices.filter(month=month).values_list("month", "measure", "percent")
    return rules.evaluate(
        rule,
        _spent(budget, rule, today),
        month=month,
        forecast=_forecast(rule, month),
        told={Told(first, Measure(measure), percent) for first, measure, percent in told},
    )


def _forecast(rule: rules.Budget, month: date) -> Decimal | None:
    """Return what the whole month is expected to come to in the budget's scope; tags are not forecast."""
    scope = rule.scope
    if scope.tag is not None:
        return None
    return month_end_forecast(month, account=scope.account, service=scope.service, currency=rule.currency)


def _spent(budget: Budget, rule: rules.Budget, today: date) -> Spend:
    month = today.replace(day=1)
    costs = DailyCost.objects.unblended().between(month, month + _LONGEST_MONTH)
    if budget.account:
        costs = costs.filter(account=budget.account)
    collected = _collected(costs, budget.account)
    if budget.service:
        costs = costs.filter(service=budget.service)
    charges = _charges(costs, rule) if rule.scope.tag is None else _tagged(costs, budget, rule, month)
    return rules.spent(rule, charges, collected=collected, month=month, today=today)


def _charges(costs: DailyCostQuerySet, rule: rules.Budget) -> Iterator[Charge]:
    """Yield costs that are all in the scope, but for a tag, added up by day."""
    for row in costs.order_by().values("date", "unit").annotate(total=Sum("amount")):
        yield _charge(rule, dict(row))


def _tagged(costs: DailyCostQuerySet, budget: Budget, rule: rules.Budget, month: date) -> Iterator[Charge]:
    """Yield what billing files tell by the budget's tag, and without tags what no file tells."""
    yield from _charges(costs.untold_by(budget.tag_key), rule)
    told = DailyTagCost.objects.of_key(budget.tag_key).between(month, month + _LONGEST_MONTH)
    if budget.account:
        told = told.filter(account=budget.account)
    if budget.service:
        told = told.filter(service=budget.service)
    for row in told.daily_totals("value", "is_other", "unit"):
        yield _charge(rule, row, None if row["is_other"] else {budget.tag_key: row["value"]})


def _charge(rule: rules.Budget, row: dict[str, Any], tags: dict[str, str] | None = None) -> Charge:
    scope = rule.scope
    return Charge(row["date"], scope.account or "", scope.service or "", row["total"], row["unit"], tags)


def _collected(costs: DailyCostQuerySet, account: CloudAccount | None) -> set[date]:
    """Return the days of which the costs of all accounts are known that are asked for them."""
    if account is not None:
        return set(costs.values_list("date", flat=True))
    asked = CloudAccount.objects.filter(enabled=True).count()
    days = costs.filter(account__enabled=True).order_by().values("date")
    known = days.annotate(accounts=Count("account", distinct=True)).filter(accounts=asked)
    return {row["date"] for row in known} if asked else set()


def _stored(status: Status, now: datetime) -> dict[str, Any]:
    return {
        "month": status.month,
        "spent": status.spend.amount,
        "unknown_days": [day.isoformat() for day in status.spend.unknown],
        "reason": status.spend.reason,
        "forecast": status.forecast,
        "thresholds": [
            {
                "measure": each.measure.value,
                "percent": each.percent,
                "amount": f"{each.amount:f}",
                "crossed": each.crossed,
                "reason": each.reason or None,
            }
            for each in status.thresholds
        ],
        "computed_at": now,
    }
