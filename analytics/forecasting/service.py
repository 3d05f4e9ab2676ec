"""What was forecast last, for others to use; `costing` and `loading` make it each night."""

from datetime import date
from decimal import Decimal

from analytics.models import MonthEndForecast


def month_end_forecast(
    month: date, *, account: str | None = None, service: str | None = None, currency: str
) -> Decimal | None:
    """Return what a month will have cost: of an account by its id, of a service, both, or all.

    None where that was not forecast in this month yet, or was refused.
    """
    owner = {"forecast__account__account_id": account} if account else {"forecast__account": None}
    stored = MonthEndForecast.objects.filter(
        **owner,
        forecast__service=service or "",
        forecast__unit=currency,
        month=month.replace(day=1),
    )
    return stored.values_list("expected", flat=True).first()
