"""Carbon and sustainability, as they were computed last."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from analytics.carbon import serializers
from analytics.models import CarbonReport, Computation, InstanceFootprint, Subject, SustainabilityScore
from analytics.views import NOT_KNOWN, PAGING, known_account, next_link
from collectors.models import Instance
from core.query import Query

HISTORY_DAYS = 90

_UNKNOWN_TOTALS: dict[str, Any] = {
    "operational_kg": None,
    "embodied_kg": None,
    "coverage": None,
    "reasons": [],
}


class CarbonView(APIView):
    """What the estate emitted over the last whole days: in all, by account and service, by instance."""

    @extend_schema(
        operation_id="carbon",
        parameters=[serializers.CarbonQuery, *PAGING],
        responses={200: serializers.CarbonSerializer, 404: NOT_KNOWN},
        tags=["analytics"],
    )
    def get(self, request: Request) -> Response:
        query = serializers.CarbonQuery.read(request)
        footprints = _chosen(query)
        count, after = footprints.count(), query["offset"] + query["limit"]
        page = footprints[query["offset"] : after]
        return Response(
            {
                **Computation.objects.standing(Subject.CARBON),
                **_report(),
                "instances": [_shown(row) for row in page.values(*_PLAIN, *_ABOUT, *_BOUNDS)],
            },
            headers={"X-Total-Count": str(count), **next_link(request, after if after < count else None)},
        )


def _chosen(query: dict[str, Any]) -> QuerySet[InstanceFootprint]:
    """Return the instances that were asked for. Raises: NotFound for what is not known."""
    footprints = InstanceFootprint.objects.largest_first()
    if account := known_account(query):
        footprints = footprints.filter(instance__account=account)
    if "region" in query:
        footprints = footprints.filter(instance__region=query["region"])
    if (instance_id := query.get("instance_id")) is None:
        return footprints
    if not Instance.objects.filter(instance_id=instance_id).exists():
        raise NotFound(f"No instance {instance_id} is known.")
    return footprints.filter(instance__instance_id=instance_id)


def _report() -> dict[str, Any]:
    report = CarbonReport.objects.first()
    return {
        "start": report and report.start,
        "end": report and report.end,
        "coefficients_as_of": report and report.coefficients_as_of,
        "price_dates": report.price_dates if report else {},
        **(report.totals if report else _UNKNOWN_TOTALS),
        "accounts": report.accounts if report else [],
        "services": report.services if report else [],
        "hints": report.hints if report else [],
    }


_PLAIN = (
    "instance_type",
    "hours",
    "unknown_hours",
    "cpu_percent",
    "measured_share",
    "assumptions",
    "reasons",
    "hints",
    "no_hint",
)
_ABOUT = {
    "instance__instance_id": "instance_id",
    "instance__name": "name",
    "instance__account__account_id": "account",
    "instance__region": "region",
}
_RANGES = {"energy": "kwh", "operational": "kg", "embodied": "kg"}
_BOUNDS = [f"{part}_{bound}_{unit}" for part, unit in _RANGES.items() for bound in ("low", "high")]


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    return {
        **{name: row[column] for column, name in _ABOUT.items()},
        **{name: row[name] for name in _PLAIN},
        **{f"{part}_{unit}": _range(row, part, unit) for part, unit in _RANGES.items()},
        "no_hint": row["no_hint"] or None,
    }


def _range(row: dict[str, Any], part: str, unit: str) -> dict[str, float] | None:
    low, high = (row[f"{part}_{bound}_{unit}"] for bound in ("low", "high"))
    return None if low is None else {"low": low, "high": high}


class SustainabilityView(APIView):
    """How sustainably the estate ran over the same days, with the parts that the score is made of."""

    @extend_schema(
        operation_id="sustainability",
        responses=serializers.SustainabilitySerializer,
        tags=["analytics"],
    )
    def get(self, request: Request) -> Response:
        Query.read(request)
        standing = Computation.objects.standing(Subject.SUSTAINABILITY)
        scores = list(SustainabilityScore.objects.all()[:HISTORY_DAYS])
        latest = scores[0] if scores else None
        return Response(
            {
                "computed_at": standing["computed_at"],
                "reason": standing["reason"] or (latest.reason or None if latest else None),
                "date": latest and latest.date,
                "score": latest and latest.score,
                "known_weight": latest and latest.known_weight,
                "parts": latest.parts if latest else [],
                "history": [{"date": each.date, "score": each.score} for each in reversed(scores)],
            }
        )
