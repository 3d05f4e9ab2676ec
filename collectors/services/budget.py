"""The dollars CloudIntel's own AWS calls may cost, reserved before each call."""

from datetime import date
from decimal import Decimal

from django.db.models import F
from django.utils import timezone

from collectors.models import AwsSpend, CloudAccount, Purpose
from core.errors import BudgetExceededError

_ADVICE = {
    Purpose.COLLECT: "Raise AWS_DAILY_BUDGET_USD, wait until 00:00 UTC, or start the collection by hand.",
    Purpose.SCALE: "Raise SCALING_DAILY_BUDGET_USD, or wait until 00:00 UTC.",
}


def today() -> date:
    """Return the UTC day that calls are booked on."""
    return timezone.now().date()


def spent_today(account: CloudAccount, purpose: Purpose = Purpose.COLLECT) -> Decimal:
    """Return the dollars booked for the account so far today."""
    row = AwsSpend.objects.filter(account=account, date=today(), purpose=purpose).first()
    return row.amount_usd if row else Decimal(0)


def reserve(
    account: CloudAccount, usd: Decimal, *, limit_usd: Decimal | None, purpose: Purpose = Purpose.COLLECT
) -> None:
    """Book dollars on today's account, atomically; without a limit they are only counted.

    Raises: BudgetExceededError when the sum would pass the limit; then nothing is booked.
    """
    row = {"account": account, "date": today(), "purpose": purpose}
    day = AwsSpend.objects.filter(**row)
    within = day if limit_usd is None else day.filter(amount_usd__lte=limit_usd - usd)
    spent = {"amount_usd": F("amount_usd") + usd}
    if within.update(**spent):
        return
    # The day's first call finds no row yet.
    AwsSpend.objects.bulk_create([AwsSpend(**row)], ignore_conflicts=True)
    if not within.update(**spent):
        raise BudgetExceededError(
            f"The next AWS call costs ${usd.normalize():f} and would exceed the daily budget of "
            f"${limit_usd} for account {account.account_id}: "
            f"${spent_today(account, purpose).normalize():f} is spent. {_ADVICE[purpose]}"
        )


def refund(account: CloudAccount, usd: Decimal, purpose: Purpose = Purpose.COLLECT) -> None:
    """Take back what was reserved for a call that failed."""
    day = AwsSpend.objects.filter(account=account, date=today(), purpose=purpose)
    day.update(amount_usd=F("amount_usd") - usd)
