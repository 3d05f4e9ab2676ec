"""GetMetricData, any metrics: a call for each 500 queries, its pages put together and checked."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from collectors.aws.errors import torn, translated
from collectors.aws.session import Cloud
from core.errors import PermanentCloudError, TransientCloudError

# Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html
MOST_QUERIES = 500
MOST_POINTS = 100_800

Points = dict[datetime, float]
Dimensions = Mapping[str, str]
Query = tuple["Metric", Dimensions]


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric, the statistic that is asked of it, and for how many seconds each point stands."""

    namespace: str
    name: str
    statistic: str
    period_s: int


@dataclass(frozen=True, slots=True)
class Window:
    """The time asked about: from `start` up to, but not including, `end`."""

    start: datetime
    end: datetime


@dataclass(slots=True)
class Series:
    """What one query was answered: moments, perhaps the same list as another's, with a value for each."""

    moments: Sequence[datetime] = ()
    values: Sequence[float] = ()
    status: str = ""

    @property
    def points(self) -> Points:
        """The values by their moments; of a moment that was told twice, the last."""
        return dict(zip(self.moments, self.values, strict=True))


def calls(cloud: Cloud, region: str, queries: Sequence[Query], window: Window) -> Iterator[list[Series]]:
    """Yield what each call tells of its queries, in their order; a metric without points has an empty series.

    Raises: TransientCloudError, PermanentCloudError.
    """
    size = most_queries(window, min((metric.period_s for metric, _ in queries), default=1))
    for first in range(0, len(queries), size):
        yield one_call(cloud, region, queries[first : first + size], window)


def most_queries(window: Window, period_s: int) -> int:
    """Return how many queries a call may have, so that their points fit into one answer."""
    periods = math.ceil((window.end - window.start).total_seconds() / period_s)
    return max(1, min(MOST_QUERIES, MOST_POINTS // max(1, periods)))


def one_call(cloud: Cloud, region: str, queries: Sequence[Query], window: Window) -> list[Series]:
    """Return the series of each of at most 500 queries that ask for 100,800 points at the most.

    Raises: TransientCloudError, PermanentCloudError.
    """
    what = f"cloudwatch:GetMetricData in {region}"
    series = {f"q{number}": Series() for number in range(len(queries))}
    for page in _pages(cloud, region, what, _question(queries, window)):
        for result in page:
            _gather(series, result, what)
    found = list(series.values())
    _check_complete(found, what)
    return found


def _question(queries: Sequence[Query], window: Window) -> dict[str, Any]:
    return {
        "StartTime": window.start,
        "EndTime": window.end,
        "ScanBy": "TimestampAscending",
        "MetricDataQueries": [
            {"Id": f"q{number}", "MetricStat": _stat(metric, dimensions)}
            for number, (metric, dimensions) in enumerate(queries)
        ],
    }


def _stat(metric: Metric, dimensions: Dimensions) -> dict[str, Any]:
    asked = {
        "Namespace": metric.namespace,
        "MetricName": metric.name,
        "Dimensions": [{"Name": name, "Value": value} for name, value in dimensions.items()],
    }
    return {"Metric": asked, "Period": metric.period_s, "Stat": metric.statistic}


def _pages(
    cloud: Cloud, region: str, what: str, question: Mapping[str, Any]
) -> Iterator[Sequence[Mapping[str, Any]]]:
    paginator = cloud.client("cloudwatch", region).get_paginator("get_metric_data")
    pages = iter(paginator.paginate(**question))
    while True:
        with translated(what):
            page = next(pages, None)
        if page is None:
            return
        if "MetricDataResults" not in page:
            raise torn(what, "no MetricDataResults")
        yield page["MetricDataResults"]


def _gather(series: Mapping[str, Series], result: Mapping[str, Any], what: str) -> None:
    """Add one metric's share of a page; its last page's status is the one that counts."""
    found = series.get(result.get("Id", ""))
    times, values = result.get("Timestamps", ()), result.get("Values", ())
    if found is None or len(times) != len(values):
        raise torn(what, f"the metric {result.get('Id')!r} with {len(times)} times, {len(values)} values")
    if not _are_numbers(values):
        raise torn(what, "values that are not numbers")
    found.status = result.get("StatusCode", "")
    if found.status == "Forbidden":
        raise PermanentCloudError(
            f"{what} was refused for some of the metrics{_said(result)}. Attach the policy in the README."
        )
    if found.status == "InternalError":
        raise TransientCloudError(f"{what} failed inside CloudWatch{_said(result)}.")
    first = not found.moments
    found.moments = times if first else [*found.moments, *times]
    found.values = values if first else [*found.values, *values]


def _are_numbers(values: Sequence[Any]) -> bool:
    """Tell whether all values are finite numbers, by the length of their vector: nothing is quicker."""
    try:
        return math.isfinite(math.hypot(*values))
    except (OverflowError, TypeError):
        return False


def _said(result: Mapping[str, Any]) -> str:
    messages = "; ".join(str(message.get("Value", "")) for message in result.get("Messages", ()))
    return f": {messages}" if messages else ""


def _check_complete(series: Sequence[Series], what: str) -> None:
    """Refuse an answer that left a metric out, or left it in parts without saying where the rest is."""
    for found in series:
        if found.status != "Complete":
            raise TransientCloudError(
                f"{what} answered only in part: a metric's last status was {found.status or 'none'!r}."
            )
    if any(None in moments for moments in {id(found.moments): found.moments for found in series}.values()):
        raise torn(what, "a value without its time")
