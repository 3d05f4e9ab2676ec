"""Cost Explorer's GetCostAndUsage for any window, computed from the bills.

Blended, amortized and net costs equal the unblended ones here: the estate has no discounts or commitments.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal

from democloud.billing import billed, is_estimated
from democloud.estate import Estate
from democloud.protocol import AwsError, Json, Paging

GROUPS_PER_PAGE = 5000
HISTORY_MONTHS = 14
METRICS = frozenset({"UnblendedCost", "BlendedCost", "AmortizedCost", "NetUnblendedCost", "NetAmortizedCost"})
DIMENSIONS = ("SERVICE", "REGION", "LINKED_ACCOUNT")
MAX_GROUP_BYS = 2
_PAGING = Paging("NextPageToken", "InvalidNextTokenException")
_DAY = timedelta(days=1)

Groups = dict[tuple[str, ...], Decimal]


@dataclass(frozen=True)
class _Question:
    """A GetCostAndUsage request, checked."""

    start: date
    end: date
    monthly: bool
    metrics: tuple[str, ...]
    group_by: tuple[str, ...]

    @classmethod
    def of(cls, request: Json, *, today: date) -> "_Question":
        start, end = _window(request, today=today)
        granularity = request.get("Granularity")
        if granularity not in ("DAILY", "MONTHLY"):
            raise _invalid(f"The granularity {granularity} is not available here: DAILY or MONTHLY")
        if request.get("Filter"):
            raise _invalid("The demo cloud does not filter costs; group by SERVICE, REGION or LINKED_ACCOUNT")
        metrics = tuple(request.get("Metrics") or ())
        if not metrics or not METRICS.issuperset(metrics):
            raise _invalid(f"Metrics must be some of {', '.join(sorted(METRICS))}")
        return cls(start, end, granularity == "MONTHLY", metrics, _group_by(request))


def _invalid(message: str) -> AwsError:
    return AwsError("ValidationException", message)


def _window(request: Json, *, today: date) -> tuple[date, date]:
    period = request.get("TimePeriod") or {}
    try:
        start, end = date.fromisoformat(period["Start"]), date.fromisoformat(period["End"])
    except (KeyError, TypeError, ValueError) as error:
        raise _invalid("Start time and end time must be dates such as 2026-01-31") from error
    if start >= end:
        raise _invalid("Start date (and hour) should be before end date (and hour)")
    if start < oldest_day(today):
        raise _invalid(f"You haven't enabled historical data beyond {HISTORY_MONTHS} months")
    if start > today:
        raise AwsError(
            "DataUnavailableException", "Data is not available. Please try to adjust the time period."
        )
    return start, end


def oldest_day(today: date) -> date:
    """Return the first day that can be asked for: that of the month 14 months ago."""
    months = today.year * 12 + today.month - 1 - HISTORY_MONTHS
    return date(months // 12, months % 12 + 1, 1)


def _group_by(request: Json) -> tuple[str, ...]:
    definitions = request.get("GroupBy") or []
    keys = tuple(definition.get("Key") for definition in definitions)
    if len(keys) > MAX_GROUP_BYS or len(set(keys)) < len(keys):
        raise _invalid(f"GroupBy takes at most {MAX_GROUP_BYS} different keys")
    if any(definition.get("Type") != "DIMENSION" for definition in definitions) or not set(keys) <= set(
        DIMENSIONS
    ):
        raise _invalid(f"GroupBy must name DIMENSION keys out of {', '.join(DIMENSIONS)}")
    return keys


@dataclass(frozen=True)
class _Period:
    """The amounts of a day, or of that part of a month which was asked for."""

    start: date
    end: date
    estimated: bool
    groups: Groups


def get_cost_and_usage(
    estate: Estate, account_id: str, request: Json, *, now: datetime, groups_per_page: int = GROUPS_PER_PAGE
) -> Json:
    """Answer one page of GetCostAndUsage; days after today are absent.

    Raises: AwsError for what Cost Explorer would refuse.
    """
    cursor = _PAGING.cursor(request, now=now)
    question = _Question.of(request, today=cursor.asked_at.date())
    rows = list(_rows(_periods(estate, account_id, question, today=cursor.asked_at.date())))
    sent = cursor.sent + groups_per_page
    token = _PAGING.token(request, replace(cursor, sent=sent)) if sent < len(rows) else {}
    return {
        "GroupDefinitions": request.get("GroupBy") or [],
        "ResultsByTime": _results(rows[cursor.sent : sent], question),
        "DimensionValueAttributes": [],
        **token,
    }


def _periods(estate: Estate, account_id: str, question: _Question, *, today: date) -> Iterator[_Period]:
    start = question.start
    while start < question.end and start <= today:
        end = min(_next_month(start) if question.monthly else start + _DAY, question.end)
        yield _period(estate, account_id, start, end, question=question, today=today)
        start = end


def _next_month(day: date) -> date:
    return (day.replace(day=28) + timedelta(days=4)).replace(day=1)


def _period(
    estate: Estate, account_id: str, start: date, end: date, *, question: _Question, today: date
) -> _Period:
    groups: Groups = defaultdict(Decimal)
    days = [start + number * _DAY for number in range((end - start).days)]
    for day in days:
        for (service, region), amount in billed(estate, account_id, day, today=today).items():
            values = {"SERVICE": service, "REGION": region, "LINKED_ACCOUNT": account_id}
            groups[tuple(values[key] for key in question.group_by)] += amount
    return _Period(start, end, is_estimated(days[-1], today), dict(sorted(groups.items())))


def _rows(periods: Iterator[_Period]) -> Iterator[tuple[_Period, tuple[str, ...]]]:
    """Lay the groups of all periods end to end, for cutting into pages."""
    return ((period, keys) for period in periods for keys in period.groups)


def _results(rows: Sequence[tuple[_Period, tuple[str, ...]]], question: _Question) -> list[Json]:
    results: dict[date, Json] = {}
    for period, keys in rows:
        result = results.setdefault(period.start, _empty_result(period))
        amounts = _amounts(period.groups[keys], question)
        if question.group_by:
            result["Groups"].append({"Keys": list(keys), "Metrics": amounts})
        else:
            result["Total"] = amounts
    return list(results.values())


def _empty_result(period: _Period) -> Json:
    time_period = {"Start": period.start.isoformat(), "End": period.end.isoformat()}
    return {"TimePeriod": time_period, "Total": {}, "Groups": [], "Estimated": period.estimated}


def _amounts(amount: Decimal, question: _Question) -> Json:
    return {metric: {"Amount": f"{amount:.10f}", "Unit": "USD"} for metric in question.metrics}
