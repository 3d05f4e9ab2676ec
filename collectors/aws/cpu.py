"""Daily CPU figures per instance, from CloudWatch."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from collectors.aws import metricdata
from collectors.aws.metricdata import Metric, Window
from collectors.aws.session import Cloud
from core.errors import InvalidInputError, TransientCloudError

_DAY_S, _HOUR_S = 86_400, 3_600
_HOURS = 24
# What is asked of each instance. The day's Average is CloudWatch's own over all of the day's samples.
_METRICS = tuple(
    Metric("AWS/EC2", "CPUUtilization", statistic, period_s)
    for statistic, period_s in (("Average", _DAY_S), ("Maximum", _DAY_S), ("SampleCount", _HOUR_S))
)
_POINTS_A_DAY = sum(_DAY_S // metric.period_s for metric in _METRICS)


@dataclass(frozen=True, slots=True)
class CpuDay:
    """An instance's load on one UTC day in percent; `coverage` is the share of its hours with samples."""

    instance_id: str
    date: date
    average: float
    maximum: float
    samples: int
    coverage: float


def metric_queries(instances: int) -> int:
    """Return how many metrics a reading of that many instances requests, which is what AWS charges for."""
    return instances * len(_METRICS)


def points(instances: int, span: timedelta) -> int:
    """Return how many points a reading of that many instances over whole days may bring."""
    return instances * span.days * _POINTS_A_DAY


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
    return max(
        1, min(metricdata.MOST_QUERIES // len(_METRICS), metricdata.MOST_POINTS // (_POINTS_A_DAY * days))
    )


def _batch(cloud: Cloud, region: str, instance_ids: Sequence[str], start: date, end: date) -> list[CpuDay]:
    window = Window(datetime.combine(start, time(), UTC), datetime.combine(end, time(), UTC))
    queries = [(metric, {"InstanceId": instance_id}) for instance_id in instance_ids for metric in _METRICS]
    points = (series.points for series in metricdata.one_call(cloud, region, queries, window))
    what = f"cloudwatch:GetMetricData in {region}"
    return [
        day
        for instance_id in instance_ids
        for day in _days(instance_id, what, next(points), next(points), next(points))
    ]


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
