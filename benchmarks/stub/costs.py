"""Cost Explorer: a bill of services and regions for any window, in pages."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import groupby, islice, product
from operator import itemgetter

import orjson

from benchmarks.stub.protocol import Answer, Call, json_answer
from democloud.protocol import AwsError, Json

GROUPS_PER_PAGE = 500
SERVICES = tuple(f"Amazon Service {number}" for number in range(10))
REGIONS = tuple(f"region-{number}" for number in range(5))
_ESTIMATED_DAYS = 2
_GROUPING = [{"Type": "DIMENSION", "Key": "SERVICE"}, {"Type": "DIMENSION", "Key": "REGION"}]


def amount(day: date, service: int, region: int) -> Decimal:
    """Return the dollars of one service in one region on one day, by their numbers."""
    return Decimal((day.toordinal() * 31 + service * 7 + region * 13) % 99_991) / Decimal(64)


def get_cost_and_usage(call: Call) -> Answer:
    """Answer one page. Raises: AwsError for what Cost Explorer, or the stub, would refuse."""
    start, end = _window(call.parameters)
    if call.parameters.get("GroupBy") != _GROUPING or call.parameters.get("Granularity") != "DAILY":
        raise AwsError("ValidationException", "The stub groups daily costs by SERVICE and REGION")
    first = int(call.parameters.get("NextPageToken") or 0)
    page = list(islice(_lines(start, end), first, first + GROUPS_PER_PAGE))
    total = (end - start).days * len(SERVICES) * len(REGIONS)
    token = {"NextPageToken": str(first + len(page))} if first + len(page) < total else {}
    metrics = [str(metric) for metric in call.parameters["Metrics"]]
    body = {"GroupDefinitions": _GROUPING, "ResultsByTime": _days(page, metrics), **token}
    return json_answer(orjson.dumps(body))


def _window(question: Json) -> tuple[date, date]:
    period = question["TimePeriod"]
    start, end = date.fromisoformat(period["Start"]), date.fromisoformat(period["End"])
    if start >= end:
        raise AwsError("ValidationException", "Start date (and hour) should be before end date (and hour)")
    return start, end


def _lines(start: date, end: date) -> Iterator[tuple[date, int, int]]:
    days = (start + timedelta(days=number) for number in range((end - start).days))
    return product(days, range(len(SERVICES)), range(len(REGIONS)))


def _days(page: list[tuple[date, int, int]], metrics: list[str]) -> list[Json]:
    """Gather the lines of a page by day; a day may go on at the next page."""
    final = datetime.now(UTC).date() - timedelta(days=_ESTIMATED_DAYS)
    return [
        {
            "TimePeriod": {"Start": day.isoformat(), "End": (day + timedelta(days=1)).isoformat()},
            "Total": {},
            "Groups": [_group(*line, metrics) for line in lines],
            "Estimated": day >= final,
        }
        for day, lines in groupby(page, key=itemgetter(0))
    ]


def _group(day: date, service: int, region: int, metrics: list[str]) -> Json:
    cost = {"Amount": str(amount(day, service, region)), "Unit": "USD"}
    return {"Keys": [SERVICES[service], REGIONS[region]], "Metrics": dict.fromkeys(metrics, cost)}
