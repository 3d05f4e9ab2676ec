"""What the accounts of the demo cloud pay a day: a weekly rhythm, a monthly credit and one anomaly."""

import math
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from democloud.chance import spread
from democloud.estate import DEVELOPMENT, PRODUCTION, Account, Estate

Bill = dict[tuple[str, str], Decimal]

ANOMALY_DAYS_BEFORE_ANCHOR = 12
"""Final by the first collection, and not of the last week, which forecasts follow most."""
CREDIT_DAY_OF_MONTH = 5
CREDIT_USD = Decimal("-4.5000000000")
"""Less than what is told of as an anomaly, so that there is one."""
ESTIMATED_DAYS = 2
"""Today and yesterday: AWS restates them until they are final."""

_ROUNDING = Decimal("1e-10")
_KNOWN_SHARE = (Decimal("0.45"), Decimal("0.94"))

_COMPUTE = "Amazon Elastic Compute Cloud - Compute"
_OTHER = "EC2 - Other"
_TRANSFER = "AWS Data Transfer"
_ANOMALY_USD = {
    (_COMPUTE, "us-east-1"): Decimal("41.7300000000"),
    (_OTHER, "us-east-1"): Decimal("8.2400000000"),
}
"""Forgotten machines, and their disks."""


@dataclass(frozen=True)
class _Line:
    """What one service costs on a working day in one region, and which share of that at weekends."""

    service: str
    region: str
    weekday_usd: float
    weekend_share: float = 1.0


_LINES: dict[Account, tuple[_Line, ...]] = {
    PRODUCTION: (
        _Line(_COMPUTE, "eu-west-1", 12.6, 0.82),
        _Line(_COMPUTE, "us-east-1", 8.9, 0.85),
        _Line(_OTHER, "eu-west-1", 2.4),
        _Line(_OTHER, "us-east-1", 1.7),
        _Line("Amazon Relational Database Service", "eu-west-1", 6.2, 0.97),
        _Line("Amazon Elastic Load Balancing", "eu-west-1", 1.3, 0.9),
        _Line("Amazon Elastic Load Balancing", "us-east-1", 1.1, 0.9),
        _Line("Amazon Simple Storage Service", "eu-west-1", 2.1),
        _Line("Amazon Simple Storage Service", "us-east-1", 0.8),
        _Line("AWS Lambda", "eu-west-1", 0.9, 0.4),
        _Line("AmazonCloudWatch", "eu-west-1", 0.7),
        _Line("AmazonCloudWatch", "us-east-1", 0.4),
        _Line(_TRANSFER, "eu-west-1", 1.6, 0.6),
        _Line("AWS Key Management Service", "eu-west-1", 0.0),
        _Line("Amazon Route 53", "global", 0.1),
    ),
    DEVELOPMENT: (
        _Line(_COMPUTE, "eu-west-1", 8.2, 0.45),
        _Line(_COMPUTE, "us-east-1", 5.4, 0.6),
        _Line(_OTHER, "eu-west-1", 0.9),
        _Line(_OTHER, "us-east-1", 1.2),
        _Line("Amazon Simple Storage Service", "us-east-1", 0.6),
        _Line("AmazonCloudWatch", "eu-west-1", 0.2),
    ),
}


def bill(estate: Estate, account_id: str, day: date) -> Bill:
    """Return the final amounts in US dollars of one day, by service and region; they never change."""
    amounts = {
        (line.service, line.region): _amount(estate, account_id, line, day)
        for account, lines in _LINES.items()
        if account.account_id == account_id
        for line in lines
    }
    for (owner, key), extra in _exceptions(estate, day).items():
        if owner == account_id:
            amounts[key] += extra
    return amounts


def _amount(estate: Estate, account_id: str, line: _Line, day: date) -> Decimal:
    rhythm = line.weekend_share if day.weekday() >= 5 else 1.0  # noqa: PLR2004 - Saturday and Sunday
    season = 1 + 0.05 * math.sin(2 * math.pi * day.timetuple().tm_yday / 365)
    noise = 1 + 0.03 * spread(estate.seed, account_id, line.service, line.region, day)
    return Decimal(line.weekday_usd * rhythm * season * noise).quantize(_ROUNDING)


def anomaly_day(estate: Estate) -> date:
    """Return the day on which us-east-1 costs the production account far too much."""
    return estate.anchor.date() - timedelta(days=ANOMALY_DAYS_BEFORE_ANCHOR)


def _exceptions(estate: Estate, day: date) -> dict[tuple[str, tuple[str, str]], Decimal]:
    found: dict[tuple[str, tuple[str, str]], Decimal] = {}
    if day == anomaly_day(estate):
        found |= {(PRODUCTION.account_id, key): extra for key, extra in _ANOMALY_USD.items()}
    if day.day == CREDIT_DAY_OF_MONTH:
        found[PRODUCTION.account_id, (_TRANSFER, "eu-west-1")] = CREDIT_USD
    return found


def is_estimated(day: date, today: date) -> bool:
    """Tell whether AWS would still restate the day."""
    return day > today - timedelta(days=ESTIMATED_DAYS)


def billed(estate: Estate, account_id: str, day: date, *, today: date) -> Bill:
    """Return what is known of a day's bill today: all once it is final, a share before, no future days.

    The share depends on the day alone, so two readings within one day agree.
    """
    if day > today:
        return {}
    final = bill(estate, account_id, day)
    if not is_estimated(day, today):
        return final
    share = _KNOWN_SHARE[(today - day).days]
    return {key: (amount * share).quantize(_ROUNDING) for key, amount in final.items()}
