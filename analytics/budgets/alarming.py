"""Alerts on budgets: one a threshold and month, told once, and over with the month or a higher amount."""

from collections.abc import Collection, Iterable
from datetime import date, datetime
from decimal import Decimal

from alerts import services as alerts
from alerts.models import Alert, Severity
from analytics.budgets.rules import Measure, Status, Told
from analytics.models import Budget, BudgetNotice

SOURCE = "budgets"

_WHOLE_PERCENT = 100
_VERBS = {Measure.ACTUAL: "spent", Measure.FORECAST: "expected"}


def key(budget: Budget, told: Told) -> str:
    """Return the key of the alert on a threshold in a month."""
    return f"{_of(budget.pk)}{told.month:%Y-%m}:{told.measure}:{told.percent}"


def tell(budget: Budget, status: Status, now: datetime) -> None:
    """Open an alert on each threshold that is newly crossed."""
    for told in status.newly:
        is_whole = told.percent >= _WHOLE_PERCENT
        alerts.open(
            key(budget, told),
            severity=Severity.ERROR if is_whole else Severity.WARNING,
            title=f"Budget {budget}: {told.percent} % are {_VERBS[told.measure]}",
            body=_body(budget, status, told),
            source=SOURCE,
        )
    BudgetNotice.objects.bulk_create(
        BudgetNotice(budget=budget, month=told.month, measure=told.measure, percent=told.percent, told_at=now)
        for told in status.newly
    )


def end_past(budget: Budget, month: date) -> None:
    """End the alerts of months that are over."""
    present = f"{_of(budget.pk)}{month:%Y-%m}:"
    _end(found for found in _open(_of(budget.pk)) if not found.startswith(present))


def end_uncrossed(budget: Budget, status: Status) -> None:
    """End the alerts on thresholds that a changed budget does not cross; crossed again, they are news."""
    crossed = [Told(status.month, each.measure, each.percent) for each in status.thresholds if each.crossed]
    held = {key(budget, told) for told in crossed}
    _end(found for found in _open(_of(budget.pk)) if found not in held)
    for notice in budget.notices.filter(month=status.month):
        if Told(notice.month, Measure(notice.measure), notice.percent) not in crossed:
            notice.delete()


def end_all(budget: Budget) -> None:
    """End the alerts of a budget that is about to be deleted."""
    _end(_open(_of(budget.pk)))


def end_others(keys: Collection[int]) -> None:
    """End the alerts of budgets that are none of these: they went with their account."""
    _end(found for found in _open("budget:") if int(found.split(":")[1]) not in keys)


def _of(pk: int) -> str:
    return f"budget:{pk}:"


def _open(begins: str) -> list[str]:
    unresolved = Alert.objects.unresolved().filter(key__startswith=begins)
    return list(unresolved.order_by("key").values_list("key", flat=True))


def _end(keys: Iterable[str]) -> None:
    for each in keys:
        alerts.resolve(each)


def _body(budget: Budget, status: Status, told: Told) -> str:
    of = f"{budget.amount:f} {budget.currency} for {told.month:%B %Y}"
    if told.measure is Measure.FORECAST:
        return f"The month is expected to come to {_share(status.forecast, budget)} of {of}."
    return f"{_share(status.spend.amount, budget)} of {of} are spent. {status.spend.reason}".strip()


def _share(amount: Decimal | None, budget: Budget) -> str:
    return "an unknown part" if amount is None else f"{amount:.2f} ({100 * amount / budget.amount:.1f} %)"
