"""Samples, hours and days of an instance, and the load of the whole fleet by day, through HTTP."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from typing import Any

from django.db import models
from django.utils import timezone
from drf_spectacular.utils import OpenApiResponse, PolymorphicProxySerializer, extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from collectors.models import Instance, MetricDay, MetricHour, MetricRollup, MetricSample
from collectors.samples.histogram import percentile
from collectors.samples.rollups import SCALES
from collectors.samples.serializers import (
    DAY,
    HOUR,
    RAW,
    FleetCpuSerializer,
    FleetQuery,
    RawSamplesSerializer,
    RolledSamplesSerializer,
    SamplesQuery,
)
from core.errors import InvalidInputError
from core.period import LONGEST_DAYS, Period
from core.query import ErrorSerializer

# By resolution: how many days are shown when none are named, and how many can be asked for at once.
_USUAL_DAYS = {RAW: 1, HOUR: 7, DAY: 30}
_LONGEST_DAYS = {RAW: 7, HOUR: 62, DAY: LONGEST_DAYS}
_SAMPLES = PolymorphicProxySerializer(
    component_name="Samples",
    serializers=[RawSamplesSerializer, RolledSamplesSerializer],
    resource_type_field_name=None,
    many=False,
)
_UNKNOWN = OpenApiResponse(ErrorSerializer, "No such instance is known.")


def _period(query: dict[str, Any], resolution: str) -> Period:
    """Return the days that were asked for. Raises: InvalidInputError when they are too many."""
    usual = Period.last(_USUAL_DAYS[resolution], through=timezone.now().date())
    period = Period.chosen(query.get("start"), query.get("end"), default=usual)
    if period.days > _LONGEST_DAYS[resolution]:
        raise InvalidInputError(
            f"{period.days} days are too many with resolution={resolution}: "
            f"ask for {_LONGEST_DAYS[resolution]} at most, or for a coarser resolution."
        )
    return period


def _instance(query: dict[str, Any]) -> Instance:
    """Return the instance; where two accounts told of one, the latest word counts. Raises: NotFound."""
    same = Instance.objects.filter(instance_id=query["instance_id"]).select_related("account")
    if "account" in query:
        same = same.filter(account__account_id=query["account"])
    found = same.order_by("-last_seen", "pk").first()
    if found is None:
        raise NotFound(f"No instance {query['instance_id']} is known there.")
    return found


@extend_schema(tags=["samples"])
class SampleViewSet(ViewSet):
    """What an instance measured: every sample, or hours and days with averages and 95th percentiles."""

    @extend_schema(parameters=[SamplesQuery], responses={200: _SAMPLES, 404: _UNKNOWN})
    def list(self, request: Request) -> Response:
        query = SamplesQuery.read(request)
        resolution, instance = query["resolution"], _instance(query)
        period = _period(query, resolution)
        return Response(
            {
                "instance_id": instance.instance_id,
                "account": instance.account.account_id,
                "region": instance.region,
                "resolution": resolution,
                "start": period.start,
                "end": period.end,
                "data": list(_data(instance, resolution, period)),
            }
        )


def _data(instance: Instance, resolution: str, period: Period) -> Iterator[dict[str, Any]]:
    mine = {"series__instance": instance}
    if resolution == RAW:
        fields = ("timestamp", *SCALES)
        samples = _within(MetricSample.objects.filter(**mine), "timestamp", period)
        return iter(samples.values(*fields))
    if resolution == HOUR:
        hours = _within(MetricHour.objects.filter(**mine), "hour", period)
        return ({"timestamp": hour.hour, **_summary(hour)} for hour in hours)
    days = MetricDay.objects.filter(**mine).between(period.start, period.end).order_by("date")
    return ({"timestamp": _midnight(day.date), **_summary(day)} for day in days)


def _within(rows: models.QuerySet[Any], column: str, period: Period) -> models.QuerySet[Any]:
    wanted = {f"{column}__gte": _midnight(period.start), f"{column}__lt": _midnight(period.end)}
    return rows.filter(**wanted).order_by(column)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _summary(rollup: MetricRollup) -> dict[str, dict[str, Any] | None]:
    return {metric: _figures(rollup, metric) for metric in SCALES}


def _figures(rollup: MetricRollup, metric: str) -> dict[str, Any] | None:
    """Return one metric's figures; None where it is unknown."""
    count, total, lowest, highest, histogram = (
        getattr(rollup, f"{metric}_{part}") for part in ("count", "sum", "min", "max", "histogram")
    )
    if not count:
        return None
    p95 = percentile(histogram, SCALES[metric], 0.95)
    return {
        "average": total / count,
        "minimum": lowest,
        "maximum": highest,
        "p95": min(max(p95, lowest), highest),
        "samples": count,
    }


@extend_schema(tags=["samples"])
class FleetCpuViewSet(ViewSet):
    """The average CPU load of all instances by day, from the days' sums."""

    @extend_schema(parameters=[FleetQuery], responses={200: FleetCpuSerializer})
    def list(self, request: Request) -> Response:
        query = FleetQuery.read(request)
        period = _period(query, DAY)
        days = MetricDay.objects.estate().between(period.start, period.end)
        if "account" in query:
            days = days.filter(series__instance__account__account_id=query["account"])
        if "region" in query:
            days = days.filter(series__instance__region=query["region"])
        return Response(
            {
                "start": period.start,
                "end": period.end,
                "data": [
                    {
                        "date": row["date"],
                        "average_cpu": row["total"] / row["points"],
                        "instances": row["instances"],
                        "samples": row["points"],
                    }
                    for row in days.fleet_cpu()
                ],
            }
        )
