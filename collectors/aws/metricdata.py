"""GetMetricData, any metrics: a call for each 500 queries, its pages put together and checked."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
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
class _Series:
    status: str = ""
    points: Points = field(default_factory=dict)


def points(
    cloud: Cloud, region: str, queries: Sequence[tuple[Metric, Dimensions]], window: Window
) -> Iterator[Points]:
    """Yield the points of each query, in the order of the queries; a metric without any yields none.

    Raises: TransientCloudError, PermanentCloudError.
    """
    for first in range(0, len(queries), MOST_QUERIES):
        yield from one_call(cloud, region, queries[first : first + MOST_QUERIES], window)


def one_call(
    cloud: Cloud, region: str, queries: Sequence[tuple[Metric, Dimensions]], window: Window
) -> list[Points]:
    """Return the points of each of at most 500 queries that ask for 100,800 points at the most.

    Raises: TransientCloudError, PermanentCloudError.
    """
    what = f"cloudwatch:GetMetricData in {region}"
    series = {f"q{number}": _Series() for number in range(len(queries))}
    for page in _pages(cloud, region, what, _question(queries, window)):
        for result in page:
            _gather(series, result, what)
    for found in series.values():
        _check_complete(found, what)
    return [found.points for found in series.values()]


def _question(queries: Sequence[tuple[Metric, Dimensions]], window: Window) -> dict[str, Any]:
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


def _gather(series: Mapping[str, _Series], result: Mapping[str, Any], what: str) -> None:
    """Add one metric's share of a page; its last page's status is the one that counts."""
    found = series.get(result.get("Id", ""))
    times, values = result.get("Timestamps", ()), result.get("Values", ())
    if found is None or len(times) != len(values):
        raise torn(what, f"the metric {result.get('Id')!r} with {len(times)} times, {len(values)} values")
    if not all(isinstance(value, int | float) and math.isfinite(value) for value in values):
        raise torn(what, "values that are not numbers")
    found.status = result.get("StatusCode", "")
    if found.status == "Forbidden":
        raise PermanentCloudError(
            f"{what} was refused for some of the metrics{_said(result)}. Attach the policy in the README."
        )
    if found.status == "InternalError":
        raise TransientCloudError(f"{what} failed inside CloudWatch{_said(result)}.")
    found.points.update(zip(times, values, strict=True))


def _said(result: Mapping[str, Any]) -> str:
    messages = "; ".join(str(message.get("Value", "")) for message in result.get("Messages", ()))
    return f": {messages}" if messages else ""


def _check_complete(found: _Series, what: str) -> None:
    """Refuse an answer that left a metric out, or left it in parts without saying where the rest is."""
    if found.status != "Complete":
        raise TransientCloudError(
            f"{what} answered only in part: a metric's last status was {found.status or 'none'!r}."
        )
