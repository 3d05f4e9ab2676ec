"""Trends and summaries of what was collected."""

from collections import defaultdict
from datetime import date
from typing import Any, TypeVar

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param
from rest_framework.views import APIView

from analytics import serializers, tag_costs
from analytics.cache import remembered
from analytics.costs import CostDay, summarise
from analytics.models import Dataset
from analytics.tag_costs import TagAmount
from collectors.models import (
    CloudAccount,
    CpuMetric,
    CpuMetricQuerySet,
    DailyCost,
    DailyCostQuerySet,
    DailyTagCost,
    DailyTagCostQuerySet,
    Instance,
    InstanceQuerySet,
)
from core.period import Period
from core.query import ErrorSerializer

USUAL_DAYS = 30
_Costs = TypeVar("_Costs", DailyCostQuerySet, DailyTagCostQuerySet)

NOT_KNOWN = OpenApiResponse(ErrorSerializer, "No such account or instance is known.")
PAGING = (
    OpenApiParameter(
        "X-Total-Count", int, "header", response=[200], description="How many instances there are."
    ),
    OpenApiParameter("Link", str, "header", response=[200], description='Where the next are, rel="next".'),
)


def today() -> date:
    """Return the current day, UTC."""
    return timezone.now().date()


def chosen_period(query: dict[str, Any], *, through: date) -> Period:
    """Return the range that was asked for, or the usual one through that day."""
    usual = Period.last(USUAL_DAYS, through=through)
    return Period.chosen(query.get("start"), query.get("end"), default=usual)


def known_account(query: dict[str, Any]) -> CloudAccount | None:
    """Return the account that was asked for, if any. Raises: NotFound."""
    if "account" not in query:
        return None
    account = CloudAccount.objects.filter(account_id=query["account"]).first()
    if account is None:
        raise NotFound(f"No account {query['account']} is known.")
    return account


def chosen_costs(query: dict[str, Any]) -> tuple[str, DailyCostQuerySet]:
    """Return the currency to answer in and the costs in it."""
    costs = DailyCost.objects.unblended()
    if account := known_account(query):
        costs = costs.filter(account=account)
    currency = query.get("currency") or costs.currency()
    return currency, costs.filter(unit=currency)


class CostTrendView(APIView):
    """Daily costs: by default the last 30 days through today."""

    @extend_schema(
        operation_id="cost_trend",
        parameters=[serializers.CostTrendQuery],
        responses={200: serializers.CostTrendSerializer, 404: NOT_KNOWN},
        tags=["analytics"],
    )
    @remembered(Dataset.COSTS, Dataset.ACCOUNTS)
    def get(self, request: Request) -> Response:
        query = serializers.CostTrendQuery.read(request)
        period = chosen_period(query, through=today())
        currency, costs = chosen_costs(query)
        wanted = _wanted(costs, query, period)
        told = (
            _by_tag(wanted, query, period, currency)
            if "tag_key" in query
            else _plain(wanted, query, currency)
        )
        return Response(
            {
                "start": period.start,
                "end": period.end,
                "currency": currency,
                "final_through": costs.final_through(),
                **told,
            }
        )


def _wanted(costs: _Costs, query: dict[str, Any], period: Period) -> _Costs:
    kept = costs.between(period.start, period.end)
    return kept.filter(service=query["service"]) if "service" in query else kept


def _parts(query: dict[str, Any]) -> list[str]:
    return [query["group_by"]] if "group_by" in query else []


def _plain(costs: DailyCostQuerySet, query: dict[str, Any], currency: str) -> dict[str, Any]:
    totals = costs.daily_totals(*_parts(query))
    return {"data": [_row(each, currency) for each in totals]}


def _by_tag(costs: DailyCostQuerySet, query: dict[str, Any], period: Period, currency: str) -> dict[str, Any]:
    """Answer by a tag, as billing files tell, with the days on which that is not all."""
    key, value = query["tag_key"], query.get("tag_value")
    tagged = _wanted(DailyTagCost.objects.filter(unit=currency), query, period)
    if "account" in query:
        tagged = tagged.filter(account__account_id=query["account"])
    gaps = tag_costs.gaps(costs, tagged, key, value=value)
    if value is None:
        most = query.get("values", tag_costs.USUAL_VALUES)
        data = [_tag_row(each, currency) for each in tag_costs.by_value(costs, tagged, key, most=most)]
    else:
        totals = tagged.of_key(key).of_value(value).daily_totals(*_parts(query))
        data = [_row(each, currency) for each in totals]
    return {"unknown_days": gaps.days, "reason": gaps.reason, "data": data}


def _row(total: dict[str, Any], currency: str) -> dict[str, Any]:
    return {
        "date": total["date"],
        **({"service": total["service"]} if "service" in total else {}),
        "amount": total["total"],
        "unit": currency,
        "estimated": total["any_estimated"],
    }


def _tag_row(each: TagAmount, currency: str) -> dict[str, Any]:
    return {
        "date": each.date,
        "tag_value": each.value,
        "tag_state": each.state.value,
        "amount": each.amount,
        "unit": currency,
        "estimated": each.estimated,
    }


class CostSummaryView(APIView):
    """What a range of days cost: by default the last 30 final days, those that AWS restates no more."""

    @extend_schema(
        operation_id="cost_summary",
        parameters=[serializers.CostQuery],
        responses={200: serializers.CostSummarySerializer, 404: NOT_KNOWN},
        tags=["analytics"],
    )
    @remembered(Dataset.COSTS, Dataset.ACCOUNTS)
    def get(self, request: Request) -> Response:
        query = serializers.CostQuery.read(request)
        currency, costs = chosen_costs(query)
        final_through = costs.final_through()
        period = chosen_period(query, through=final_through or today())
        summary = summarise(
            [
                CostDay(row["date"], row["total"], row["any_estimated"])
                for row in costs.between(period.start, period.end).daily_totals()
            ]
        )
        return Response(
            {
                "start": period.start,
                "end": period.end,
                "currency": currency,
                "final_through": final_through,
                "total_cost": summary.total,
                "average_daily_cost": summary.average,
                "highest_cost_day": _extreme(summary.highest),
                "lowest_cost_day": _extreme(summary.lowest),
                "days_stored": summary.days,
            }
        )


def _extreme(day: CostDay | None) -> dict[str, Any] | None:
    return {"date": day.date, "amount": day.amount} if day else None


class CpuTrendView(APIView):
    """Daily CPU load of the instances that reported: by default the last 30 days through today."""

    @extend_schema(
        operation_id="cpu_trend",
        parameters=[serializers.CpuTrendQuery, *PAGING],
        responses={200: serializers.CpuTrendSerializer, 404: NOT_KNOWN},
        tags=["analytics"],
    )
    @remembered(Dataset.CPU, Dataset.INSTANCES, Dataset.ACCOUNTS)
    def get(self, request: Request) -> Response:
        query = serializers.CpuTrendQuery.read(request)
        period = chosen_period(query, through=today())
        instances, figures = _measured(query, period)
        total = instances.count()
        after = query["offset"] + query["limit"]
        page = instances.select_related("account")[query["offset"] : after]
        return Response(
            {
                "start": period.start,
                "end": period.end,
                "final_through": figures.final_through(today=today()),
                "instances": _series(list(page), period),
            },
            headers={"X-Total-Count": str(total), **next_link(request, after if after < total else None)},
        )


def _measured(query: dict[str, Any], period: Period) -> tuple[InstanceQuerySet, CpuMetricQuerySet]:
    """Return the instances to answer for, and the figures that tell how far the collection came.

    Raises: NotFound for an account or instance that is not known.
    """
    account, region = known_account(query), query.get("region")
    instances, figures = Instance.objects.all(), CpuMetric.objects.all()
    if account:
        instances, figures = instances.filter(account=account), figures.filter(ec2__account=account)
    if region:
        instances, figures = instances.filter(region=region), figures.filter(ec2__region=region)
    if (instance_id := query.get("instance_id")) is None:
        return instances.measured_between(period.start, period.end), figures
    instances = instances.filter(instance_id=instance_id)
    if not instances.exists():
        raise NotFound(f"No instance {instance_id} is known there.")
    return instances, figures


def _series(instances: list[Instance], period: Period) -> list[dict[str, Any]]:
    names = ("date", "average_cpu", "maximum_cpu", "coverage")
    figures = CpuMetric.objects.between(period.start, period.end).filter(ec2__in=instances).order_by("date")
    days: defaultdict[int, list[dict[str, Any]]] = defaultdict(list)
    for instance_key, *values in figures.values_list("ec2_id", *names).iterator():
        days[instance_key].append(dict(zip(names, values, strict=True)))
    return [
        {
            "instance_id": instance.instance_id,
            "account": instance.account.account_id,
            "region": instance.region,
            "data": days[instance.pk],
        }
        for instance in instances
    ]


def next_link(request: Request, offset: int | None) -> dict[str, str]:
    """Return the header that says where the next instances are, if there are any."""
    if offset is None:
        return {}
    url = replace_query_param(request.build_absolute_uri(), "offset", offset)
    return {"Link": f'<{url}>; rel="next"'}
