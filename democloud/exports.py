"""The bill as files: a FOCUS 1.0 export of the last and the present month, with tags, as AWS delivers it.

Each line of the bill is divided among the teams that caused it; together they are the line to the last digit,
so that what the files say is what Cost Explorer says of the same days.
Source: the columns that FOCUS 1.0 makes mandatory, and six further ones; focus.finops.org.
"""

import csv
import gzip
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

from democloud.billing import billed
from democloud.estate import ACCOUNTS, DEVELOPMENT, PRODUCTION, Account, Estate

FOLDER = "demo-billing"
EXPORT = "demo-focus"

_ROUNDING = Decimal("1e-10")
_DAY = timedelta(days=1)
_UNTAGGED = frozenset({"AWS Data Transfer", "AWS Key Management Service", "Amazon Route 53"})


@dataclass(frozen=True)
class _Part:
    """Who caused which share of a line; what is left is nobody's."""

    team: str
    application: str
    share: Decimal


_PARTS = {
    PRODUCTION: (
        _Part("web", "shop", Decimal("0.52")),
        _Part("search", "shop", Decimal("0.18")),
        _Part("data", "reports", Decimal("0.22")),
    ),
    DEVELOPMENT: (
        _Part("platform", "ci", Decimal("0.38")),
        _Part("data", "notebooks", Decimal("0.31")),
        _Part("web", "shop", Decimal("0.24")),
    ),
}


def write(estate: Estate, home: Path, today: date) -> None:
    """Bring the files in the data folder up to date; those that would not change stay as they are."""
    this_month = today.replace(day=1)
    for month in ((this_month - _DAY).replace(day=1), this_month):
        _deliver(estate, home / FOLDER, month, today)


def _deliver(estate: Estate, folder: Path, month: date, today: date) -> None:
    """Write a month's file, and then its manifest; there are none before a day of the month is over."""
    content = _csv(list(lines(estate, month, today)))
    if not content:
        return
    period = f"BILLING_PERIOD={month:%Y-%m}"
    data = f"data/{period}/{EXPORT}-00001.csv.gz"
    _replace(folder / data, gzip.compress(content.encode(), mtime=0))
    manifest = {
        "billingPeriod": {"start": month.isoformat(), "end": _next_month(month).isoformat()},
        "dataFiles": [data],
    }
    _replace(folder / f"metadata/{period}/{EXPORT}-Manifest.json", json.dumps(manifest).encode())


def _replace(file: Path, content: bytes) -> None:
    """Write the file in one step, unless that is what it has: a file that is written is a new version."""
    if file.is_file() and file.read_bytes() == content:
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f".{file.name}.draft")
    draft.write_bytes(content)
    draft.replace(file)


def _csv(found: list[dict[str, str]]) -> str:
    if not found:
        return ""
    target = io.StringIO(newline="")
    writer = csv.DictWriter(target, list(found[0]))
    writer.writeheader()
    writer.writerows(found)
    return target.getvalue()


def lines(estate: Estate, month: date, today: date) -> Iterator[dict[str, str]]:
    """Yield the lines, by column, of the days of a month that are over."""
    day, end = month, min(_next_month(month), today)
    while day < end:
        for account in ACCOUNTS:
            for (service, region), amount in billed(estate, account.account_id, day, today=today).items():
                for part, usd in _divided(account, service, amount):
                    yield _line(account, day, service, region) | _cost(usd) | {"Tags": _tags(account, part)}
        day += _DAY


def _divided(account: Account, service: str, amount: Decimal) -> Iterator[tuple[_Part | None, Decimal]]:
    """Yield the parts of a line, None for what is nobody's; they add up to it."""
    left = amount
    for part in () if service in _UNTAGGED else _PARTS[account]:
        usd = (amount * part.share).quantize(_ROUNDING)
        left -= usd
        yield part, usd
    yield None, left


def _tags(account: Account, part: _Part | None) -> str:
    if part is None:
        return ""
    return json.dumps({"application": part.application, "environment": account.name, "team": part.team})


def _cost(usd: Decimal) -> dict[str, str]:
    """Return the same amount in each column: the estate has no discounts or commitments."""
    names = ("BilledCost", "ContractedCost", "EffectiveCost", "ListCost")
    return {
        "ChargeCategory": "Credit" if usd < 0 else "Usage",
        **dict.fromkeys(names, f"{usd:f}"),
    }


def _line(account: Account, day: date, service: str, region: str) -> dict[str, str]:
    month = day.replace(day=1)
    return {
        "BillingAccountId": PRODUCTION.account_id,
        "BillingAccountName": PRODUCTION.name,
        "BillingCurrency": "USD",
        "BillingPeriodEnd": _moment(_next_month(month)),
        "BillingPeriodStart": _moment(month),
        "ChargeClass": "",
        "ChargeDescription": f"{service} in {region}",
        "ChargePeriodEnd": _moment(day + _DAY),
        "ChargePeriodStart": _moment(day),
        "InvoiceIssuerName": "Amazon Web Services, Inc.",
        "PricingQuantity": "1",
        "PricingUnit": "Days",
        "ProviderName": "AWS",
        "PublisherName": "Amazon Web Services, Inc.",
        "RegionId": region,
        "RegionName": region,
        "ServiceCategory": "Other",
        "ServiceName": service,
        "SubAccountId": account.account_id,
        "SubAccountName": account.name,
    }


def _moment(day: date) -> str:
    return f"{day.isoformat()}T00:00:00Z"


def _next_month(day: date) -> date:
    return (day.replace(day=28) + timedelta(days=4)).replace(day=1)
