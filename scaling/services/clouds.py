"""The doors to AWS accounts that the autoscaler reads through, for a budget of its own."""

from django.conf import settings

from collectors.aws.session import Cloud
from collectors.models import CloudAccount, Purpose
from collectors.services import access
from collectors.services.access import AccountMeter


def reader(account: CloudAccount) -> Cloud:
    """Open an account, by the collector's role, for the readings of this thread."""
    limit_usd = settings.SCALING_DAILY_BUDGET_USD
    return access.opened(account, AccountMeter(account, limit_usd=limit_usd, purpose=Purpose.SCALE))
