"""Daily costs by service and region, from Cost Explorer."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from collectors.aws.errors import torn, translated
from collectors.aws.session import HOME_REGION, Cloud
from core.errors import InvalidInputError, PermanentCloudError

METRIC = "UnblendedCost"
_WHAT = f"ce:GetCostAndUsage in {HOME_REGION}"
_AMOUNT = re.compile(r"[-+]?[0-9]{1,30}(\.[0-9]{1,30})?([eE][-+]?[0-9]{1,2})?")


@dataclass(frozen=True, slots=True)
class CostLine:
    """An amount, as exact as it was written; service and region are empty where they were not told apart."""

    service: str
    region: str
    unit: str
    amount: Decimal


@dataclass(frozen=True, slots=True)
class CostDay:
    """One UTC day's costs; a day without lines is known to have cost nothing."""

    date: date
    estimated: bool
    lines: tuple[CostLine, ...]


@dataclass(slots=True)
class _Day:
    """What the pages read so far say of a day: amounts by service, region and unit."""

    estimated: bool = False
    groups: dict[tuple[str, str, str], Decimal] = field(default_factory=dict)
    total: dict[tuple[str, str, str], Decimal] = field(default_factory=dict)


def daily_costs(cloud: Cloud, start: date, end: date) -> list[CostDay]:
    """Return the costs of the days in the half-open range [start, end), as the source tells them.

    Raises: InvalidInputError (a window that Cost Explorer refuses), TransientCloudError,
    PermanentCloudError (refused, or an amount that is none).
    """
    _check(start, end)
    days: dict[date, _Day] = {}
    for page in _pages(cloud, start, end):
        for raw in page:
            _add(days, raw)
    return [_finished(day, days[day]) for day in sorted(days)]


def _check(start: date, end: date) -> None:
    if start >= end:
        raise InvalidInputError(f"Costs from {start} to {end}: the end is exclusive and must come later.")
    if start > datetime.now(UTC).date():
        raise InvalidInputError(f"Costs from {start}: that day has not begun yet (days are UTC).")


def _pages(cloud: Cloud, start: date, end: date) -> Iterator[Sequence[Mapping[str, Any]]]:
    """Yield the days of each page; botocore has no paginator for this operation."""
    client = cloud.client("ce", HOME_REGION)
    question: dict[str, Any] = {
        "TimePeriod": {"Start": start.isoformat(), "End": end.isoformat()},
        "Granularity": "DAILY",
        "Metrics": [METRIC],
        "GroupBy": [{"Type": "DIMENSION", "Key": "SERVICE"}, {"Type": "DIMENSION", "Key": "REGION"}],
    }
    while True:
        with translated(_WHAT):
            answer = client.get_cost_and_usage(**question)
        if "ResultsByTime" not in answer:
            raise torn(_WHAT, "no ResultsByTime")
        yield answer["ResultsByTime"]
        token = answer.get("NextPageToken")
        if not token:
            return
        if token == question.get("NextPageToken"):
            raise PermanentCloudError(f"{_WHAT} answered the same page token twice; each page costs money.")
        question["NextPageToken"] = token


def _add(days: dict[date, _Day], raw: Mapping[str, Any]) -> None:
    """Merge one page's view of a day into what earlier pages said of it."""
    try:
        start = date.fromisoformat(raw["TimePeriod"]["Start"])
    except (KeyError, TypeError, ValueError):
        raise PermanentCloudError(f"{_WHAT} answered a day without a date.") from None
    day = days.setdefault(start, _Day())
    # A day that does not say that it is final may yet change.
    day.estimated |= bool(raw.get("Estimated", True))
    for group in raw.get("Groups", ()):
        service, region = _keys(start, group)
        _put(day.groups, start, service, region, group.get("Metrics", {}))
    if raw.get("Total") and not day.total:
        _put(day.total, start, "", "", raw["Total"])


def _keys(day: date, group: Mapping[str, Any]) -> tuple[str, str]:
    match group.get("Keys"):
        case [str(service)]:
            return service, ""
        case [str(service), str(region)]:
            return service, region
        case other:
            raise PermanentCloudError(
                f"{_WHAT} answered for {day} a group with the keys {other!r}; one or two were expected."
            )


def _put(
    amounts: dict[tuple[str, str, str], Decimal],
    day: date,
    service: str,
    region: str,
    metrics: Mapping[str, Any],
) -> None:
    where = f"{_WHAT} answered for {day}, {service or 'all services'}, {region or 'all regions'}"
    metric = metrics.get(METRIC)
    if not metric or not metric.get("Unit"):
        raise PermanentCloudError(f"{where}: no {METRIC} with its unit.")
    key = (service, region, metric["Unit"])
    if key in amounts:
        raise PermanentCloudError(f"{where}: two amounts in {metric['Unit']}.")
    amounts[key] = _amount(metric.get("Amount"), where)


def _amount(written: object, where: str) -> Decimal:
    """Return the amount, digit by digit as it was written; a number that came as a float is refused."""
    if not isinstance(written, str) or not _AMOUNT.fullmatch(written):
        raise PermanentCloudError(f"{where}: {str(written)[:40]!r} is not an amount.")
    return Decimal(written)


def _finished(day: date, found: _Day) -> CostDay:
    amounts = found.groups or found.total
    return CostDay(day, found.estimated, tuple(CostLine(*key, amount) for key, amount in amounts.items()))
