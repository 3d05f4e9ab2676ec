"""What follows from a reading that failed: who waits how long, and who is told.

Only the waiting is stored, as the time of the next reading. Nothing is lost by it: readings go on where the
last one that was stored ended.
"""

import logging
from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from alerts import services as alerts
from alerts.models import Severity
from collectors.aws.metricdata import MOST_QUERIES
from collectors.aws.pricing import METRIC_QUERY_USD
from collectors.models import CloudAccount, Purpose
from collectors.services import budget
from core.errors import (
    BudgetExceededError,
    CloudIntelError,
    CredentialsRefusedError,
    NotYetError,
    TransientCloudError,
)
from pipelines import alarms
from scaling.models import ManagedInstance

logger = logging.getLogger(__name__)

SOURCE = "scaling"
FAILED_FOR_NOW = timedelta(minutes=1)
REFUSED = timedelta(minutes=5)
# The day's budget may be raised before the day is over.
SPENT = timedelta(hours=1)
FULL_CALL_USD = MOST_QUERIES * METRIC_QUERY_USD


def budget_key(account: CloudAccount) -> str:
    """Return the key of the alert on the budget of an account's readings."""
    return f"scaling-budget:{account.account_id}"


def region_key(account: CloudAccount, region: str) -> str:
    """Return the key of the alert on readings that are refused in one region of an account."""
    return f"scaling-metrics:{account.account_id}/{region}"


def met(error: CloudIntelError, account: CloudAccount, region: str, left: Sequence[int]) -> None:
    """Have those wait whom the error concerns, and open an alert where somebody has to act.

    `left` are the instances that the reading did not come to.
    """
    now = timezone.now()
    level = logging.INFO if isinstance(error, NotYetError) else logging.WARNING
    logger.log(level, "metrics of %s in %s are not read: %s", account.account_id, region, error)
    instances = ManagedInstance.objects.monitored()
    match error:
        case NotYetError():
            _wait(instances.filter(pk__in=left), now + timedelta(seconds=error.wait_s))
        case TransientCloudError():
            _wait(instances.filter(pk__in=left), now + FAILED_FOR_NOW)
        case BudgetExceededError():
            _wait(instances.filter(inventory__account=account), min(_midnight_after(now), now + SPENT))
            _tell_of_budget(error, account)
        case CredentialsRefusedError():
            _wait(instances.filter(inventory__account=account), now + REFUSED)
            _tell(alarms.access_key(account.account_id), f"Access to {account.account_id} is refused", error)
        case _:
            there = instances.filter(inventory__account=account, inventory__region=region)
            _wait(there, now + REFUSED)
            title = f"Metrics of {account.account_id} in {region} cannot be read"
            _tell(region_key(account, region), title, error)


def over(account: CloudAccount, region: str) -> None:
    """Resolve the alerts that a reading shows to be over.

    That on the budget stays until a full call fits into what is left of it: smaller ones get in between.
    """
    alerts.resolve(alarms.access_key(account.account_id), source=SOURCE)
    alerts.resolve(region_key(account, region))
    spent_usd = budget.spent_today(account, Purpose.SCALE)
    if spent_usd + FULL_CALL_USD <= settings.SCALING_DAILY_BUDGET_USD:
        alerts.resolve(budget_key(account))


def _wait(instances: QuerySet[ManagedInstance], until: datetime) -> None:
    """Have them read no sooner; locked in the order of their keys, so that nobody waits in a ring."""
    with transaction.atomic():
        locked = instances.select_for_update(of=("self",), no_key=True).order_by("pk")
        rows = list(locked.values_list("pk", flat=True))
        ManagedInstance.objects.filter(pk__in=rows).update(next_reading_at=until)


def _midnight_after(now: datetime) -> datetime:
    return datetime.combine(now.date() + timedelta(days=1), time.min, UTC)


def _tell_of_budget(error: BudgetExceededError, account: CloudAccount) -> None:
    alerts.open(
        budget_key(account),
        severity=Severity.WARNING,
        title=f"The autoscaler's budget of {account.account_id} is spent",
        body=f"{error} Meanwhile no metrics of the account's instances are read, and decisions hold.",
        source=SOURCE,
    )


def _tell(key: str, title: str, error: CloudIntelError) -> None:
    alerts.open(key, severity=Severity.ERROR, title=title, body=str(error), source=SOURCE)
