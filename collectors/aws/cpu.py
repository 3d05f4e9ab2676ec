"""Daily CPU figures per instance, from CloudWatch."""

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from typing import Any

from collectors.aws.errors import torn, translated
from collectors.aws.session import Cloud
from core.errors import InvalidInputError, PermanentCloudError, TransientCloudError

# Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html
MOST_QUERIES = 500
MOST_POINTS = 100_800
_DAY_S, _HOUR_S = 86_400, 3_600
_HOURS = 24
# What is asked of each instance. The day's Average is CloudWatch's own over all of the day's samples.
_QUERIES = (("average", "Average", _DAY_S), ("maximum", "Maximum", _DAY_S), ("count", "SampleCount", _HOUR_S))
_POINTS_A_DAY = sum(_DAY_S // period for _, _, period in _QUERIES)


@dataclass(frozen=True, slots=True)
class CpuDay:
    """An instance's load on one UTC day in percent; `coverage` is the share of its hours with samples."""

    instance_id: str
    date: date
    average: float
    maximum: float
    samples: int
    coverage: float


@dataclass(slots=True)
class _Series:
    """One metric's points, gathered from the pages they came on."""

    status: str = ""
    points: dict[datetime, float] = field(default_factory=dict)


def metric_queries(instances: int) -> int:
    """Return how many metrics a reading of that many instances requests, which is what AWS charges for."""
    return instances * len(_QUERIES)


def daily_cpu(
    cloud: Cloud, region: str, instance_ids: Sequence[str], start: date, end: date
) -> Iterator[list[CpuDay]]:
    """Yield, one list a call, the days in the half-open range [start, end) that have samples.

    `end` may be tomorrow; today's figures then are those up to now. A day without samples is left out:
    unknown is not zero.

    Raises: InvalidInputError, TransientCloudError, PermanentCloudError.
    """
    if start >= end:
        raise InvalidInputError(f"CPU from {start} to {end}: the end is exclusive and must come later.")
    size = batch_size((end - start).days)
    for first in range(0, len(instance_ids), size):
        yield _batch(cloud, region, instance_ids[first : first + size], start, end)


def batch_size(days: int) -> int:
    """Return how many instances fit into one call by both of its limits, queries and points."""
    return max(1, min(MOST_QUERIES // len(_QUERIES), MOST_POINTS // (_POINTS_A_DAY * days)))


def _batch(cloud: Cloud, region: str, instance_ids: Sequence[str], start: date, end: date) -> list[CpuDay]:
    what = f"cloudwatch:GetMetricData in {region}"
    series = {f"{name}{number}": _Series() for number in range(len(instance_ids)) for name, _, _ in _QUERIES}
    for page in _pages(cloud, region, what, _question(instance_ids, start, end)):
        for result in page:
            _gather(series, result, what)
    for found in series.values():
        _check_complete(found, what)
    return [
        day
        for number, instance_id in enumerate(instance_ids)
        for day in _days(instance_id, what, *(series[f"{name}{number}"].points for name, _, _ in _QUERIES))
    ]


def _question(instance_ids: Sequence[str], start: date, end: date) -> dict[str, Any]:
    return {
        "StartTime": datetime.combine(start, time(), UTC),
        "EndTime": datetime.combine(end, time(), UTC),
        "ScanBy": "TimestampAscending",
        "MetricDataQueries": [
            _query(f"{name}{number}", instance_id, stat, period_s)
            for number, instance_id in enumerate(instance_ids)
            for name, stat, period_s in _QUERIES
        ],
    }


def _query(query_id: str, instance_id: str, stat: str, period_s: int) -> dict[str, Any]:
    metric = {
        "Namespace": "AWS/EC2",
        "MetricName": "CPUUtilization",
        "Dimensions": [{"Name": "InstanceId", "Value": instance_id}],
    }
    return {"Id": query_id, "MetricStat": {"Metric": metric, "Period": period_s, "Stat": stat}}


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


def _days(
    instance_id: str,
    what: str,
    averages: Mapping[datetime, float],
    maxima: Mapping[datetime, float],
    counts: Mapping[datetime, float],
) -> Iterator[CpuDay]:
    average, maximum = _by_day(averages), _by_day(maxima)
    hours: dict[date, dict[int, float]] = defaultdict(dict)
    for moment, count in counts.items():
        if count > 0:
            hours[_utc(moment).date()][_utc(moment).hour] = count
    for day in sorted(average.keys() | maximum.keys() | hours.keys()):
        if day not in average or day not in maximum or day not in hours:
            raise TransientCloudError(
                f"{what} answered only a part of the figures of {instance_id} on {day}."
            )
        yield CpuDay(
            instance_id=instance_id,
            date=day,
            average=average[day],
            maximum=maximum[day],
            samples=round(sum(hours[day].values())),
            coverage=len(hours[day]) / _HOURS,
        )


def _by_day(points: Mapping[datetime, float]) -> dict[date, float]:
    return {_utc(moment).date(): float(value) for moment, value in points.items()}


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)
