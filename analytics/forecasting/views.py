"""What costs and loads are expected to be, as it was computed last, through HTTP."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import PolymorphicProxySerializer, extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from analytics.forecasting import serializers
from analytics.forecasting.serializers import COST, LOAD
from analytics.models import Computation, CostForecast, LoadForecast, MonthEndForecast, Subject
from analytics.models.forecasts import Erring, Tested
from analytics.views import NOT_KNOWN, PAGING, known_account, next_link
from collectors.models import Instance

_ANSWERS = PolymorphicProxySerializer(
    component_name="Forecasts",
    serializers=[serializers.CostForecastsSerializer, serializers.LoadForecastsSerializer],
    resource_type_field_name=None,
    many=False,
)
_DAY, _HOUR = timedelta(days=1), timedelta(hours=1)
_RANGE = ("expected", "low", "high")


class ForecastView(APIView):
    """What the coming days and the present month will cost, or what load the coming hours will bring."""

    @extend_schema(
        operation_id="forecast",
        parameters=[serializers.ForecastQuery, *PAGING],
        responses={200: _ANSWERS, 404: NOT_KNOWN},
        tags=["analytics"],
    )
    def get(self, request: Request) -> Response:
        query = serializers.ForecastQuery.read(request)
        return _costs(request, query) if query["kind"] == COST else _loads(request, query)


def _costs(request: Request, query: dict[str, Any]) -> Response:
    account, service = known_account(query), query.get("service")
    currency = query.get("currency") or CostForecast.objects.currency()
    whole = CostForecast.objects.filter(unit=currency).scope_and_parts(account, service)
    page, headers = _page(request, query, whole.select_related("account", "month_end"))
    month_end = MonthEndForecast.objects.of(account, service, currency).first()
    answer = {
        **Computation.objects.standing(Subject.FORECAST),
        "kind": COST,
        "currency": currency,
        "month_end": month_end and _month_end(month_end),
        "forecasts": [_cost(each) for each in page],
    }
    return Response(answer, headers=headers)


def _loads(request: Request, query: dict[str, Any]) -> Response:
    page, headers = _page(request, query, _chosen(query).select_related("instance__account"))
    answer = {
        **Computation.objects.standing(Subject.LOAD_FORECAST),
        "kind": LOAD,
        "forecasts": [_load(each) for each in page],
    }
    return Response(answer, headers=headers)


def _chosen(query: dict[str, Any]) -> QuerySet[LoadForecast]:
    """Return the forecasts that were asked for. Raises: NotFound for what is not known."""
    wanted: dict[str, Any] = {name: query[name] for name in ("metric",) if name in query}
    if account := known_account(query):
        wanted["instance__account"] = account
    if "region" in query:
        wanted["instance__region"] = query["region"]
    if instance_id := query.get("instance_id"):
        if not Instance.objects.filter(instance_id=instance_id).exists():
            raise NotFound(f"No instance {instance_id} is known.")
        wanted["instance__instance_id"] = instance_id
    return LoadForecast.objects.filter(**wanted)


def _page(
    request: Request, query: dict[str, Any], found: QuerySet[Any]
) -> tuple[QuerySet[Any], dict[str, str]]:
    """Return a page of forecasts, and the headers that say how many there are and where the next ones."""
    count, after = found.count(), query["offset"] + query["limit"]
    headers = {"X-Total-Count": str(count), **next_link(request, after if after < count else None)}
    return found[query["offset"] : after], headers


def _cost(found: CostForecast) -> dict[str, Any]:
    days = enumerate(zip(found.expected, found.low, found.high, strict=True))
    return {
        "account": found.account and found.account.account_id,
        "service": found.service or None,
        "final_through": found.final_through,
        "note": found.note or None,
        **_tested(found),
        **_erring(found),
        "month_end": _month_end(found.month_end),
        "data": [
            {"date": found.start + ahead * _DAY, **dict(zip(_RANGE, values, strict=True))}
            for ahead, values in days
        ],
    }


def _month_end(found: MonthEndForecast) -> dict[str, Any]:
    names = ("month", *_RANGE, "actual", "days_filled", "days_ahead")
    return {**{name: getattr(found, name) for name in names}, **_tested(found)}


@lru_cache(maxsize=2)
def _hours(start: datetime, count: int) -> list[str]:
    """Return the hours from a moment on as they are answered; those of all loads are the same."""
    return [f"{start.astimezone(UTC) + ahead * _HOUR:%Y-%m-%dT%H:%M:%SZ}" for ahead in range(count)]


def _load(found: LoadForecast) -> dict[str, Any]:
    hours = zip(_hours(found.start, len(found.expected)), found.expected, found.low, found.high, strict=True)
    return {
        "instance_id": found.instance.instance_id,
        "account": found.instance.account.account_id,
        "region": found.instance.region,
        "metric": found.metric,
        **_tested(found),
        **_erring(found),
        "data": [
            {"timestamp": hour, "expected": expected, "low": low, "high": high}
            for hour, expected, low, high in hours
        ],
    }


def _tested(found: Tested) -> dict[str, Any]:
    return {
        "method": found.method or None,
        "coverage": found.coverage,
        "measured": found.measured,
        "origins": found.origins,
        "reason": found.reason or None,
    }


def _erring(found: Erring) -> dict[str, Any]:
    return {"mase": found.mase, "smape": found.smape}
