"""What could be saved and what was, as it was computed last, and the dismissal of recommendations."""

from typing import Any, TypeVar

from django.db import transaction
from django.db.models import Count, Model, Q, QuerySet, Sum
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.views import APIView

from accounts.permissions import IsOperator, asking
from analytics.models import (
    Computation,
    FollowedSaving,
    PriceList,
    Saving,
    SavingQuerySet,
    SavingsScope,
    SavingTally,
    Subject,
    WithheldSaving,
)
from analytics.savings import serializers, tallies
from core.api import Pagination
from core.body import given, refuse_body
from core.query import refuse_strange

CURRENCY = "USD"

_Row = TypeVar("_Row", bound=Model)
_Rows = TypeVar("_Rows", bound="QuerySet[Any]")
_TALLIED = frozenset({"account", "region", "kind"})
_NARROWING = frozenset({*_TALLIED, "resource", "min_confidence", "min_monthly_usd"})
_FILTERS = {"account": "account__account_id", "region": "region", "resource": "resource", "kind": "kind"}


class SavingsView(APIView):
    """What could be saved, the largest amount first."""

    @extend_schema(
        operation_id="savings",
        parameters=[serializers.SavingsQuery],
        responses=serializers.SavingsSerializer,
        tags=["analytics"],
    )
    def get(self, request: Request) -> Response:
        query = serializers.SavingsQuery.read(request)
        rows = _chosen(query)
        page = _page(self, rows.largest_first().select_related("account", "dismissed_by"))
        scopes = _narrowed(SavingsScope.objects.all(), query, "region")
        lists = {each.region: each for each in PriceList.objects.defer("hourly", "gb_month")}
        return Response(
            {
                **Computation.objects.standing(Subject.SAVINGS),
                "currency": CURRENCY,
                "total": _total(query, rows),
                "kinds": _kinds(query),
                "withheld": _withheld(query),
                "realised": _realised(query),
                "regions": serializers.ScopeSerializer(
                    scopes, many=True, context={"price_lists": lists}
                ).data,
                **_paged(page, serializers.SavingSerializer),
            }
        )


class FollowedSavingsView(APIView):
    """Which recommendations were followed, and what that has saved; the latest first."""

    @extend_schema(
        operation_id="savings_realised",
        parameters=[serializers.FollowedQuery],
        responses=serializers.FollowedSavingsSerializer,
        tags=["analytics"],
    )
    def get(self, request: Request) -> Response:
        query = serializers.FollowedQuery.read(request)
        rows = _narrowed(FollowedSaving.objects.select_related("account"), query, *_FILTERS)
        return Response(
            {
                **Computation.objects.standing(Subject.SAVINGS),
                "realised": _realised(query),
                **_paged(_page(self, rows), serializers.FollowedSerializer),
            }
        )


class DismissalView(APIView):
    """A recommendation that is not to be followed: it is left out, also when it is made again."""

    permission_classes = (IsOperator,)

    @extend_schema(
        operation_id="savings_dismiss",
        request=serializers.DismissalSerializer,
        responses=serializers.SavingSerializer,
        examples=[OpenApiExample("Dismiss", {"reason": "It is kept for audits."}, request_only=True)],
        tags=["analytics"],
    )
    def post(self, request: Request, pk: int) -> Response:
        """Dismiss it; doing so again replaces the reason."""
        refuse_strange(request.query_params, known=())
        reason = given(serializers.DismissalSerializer, request)["reason"]
        return self._changed(
            pk, dismissed_at=timezone.now(), dismissed_by=asking(request), dismissal_reason=reason
        )

    @extend_schema(
        operation_id="savings_restore",
        request=None,
        responses=serializers.SavingSerializer,
        tags=["analytics"],
    )
    def delete(self, request: Request, pk: int) -> Response:
        """Take the dismissal back."""
        refuse_strange(request.query_params, known=())
        refuse_body(request)
        return self._changed(pk, dismissed_at=None, dismissed_by=None, dismissal_reason="")

    def _changed(self, pk: int, **values: Any) -> Response:
        with transaction.atomic():
            Saving.objects.filter(pk=pk).update(**values)
            saving = get_object_or_404(Saving.objects.select_related("account", "dismissed_by"), pk=pk)
            tallies.renew(account=saving.account_id, region=saving.region)
        return Response(serializers.SavingSerializer(saving).data)


# --- Reading ---------------------------------------------------------------------------------
def _chosen(query: dict[str, Any]) -> SavingQuerySet:
    rows = Saving.objects.filter(is_standing=True, dismissed_at__isnull=query["dismissed"] == "false")
    if "min_confidence" in query:
        rows = rows.filter(confidence__gte=query["min_confidence"])
    if "min_monthly_usd" in query:
        rows = rows.filter(monthly_usd__gte=query["min_monthly_usd"])
    return _narrowed(rows, query, *_FILTERS)


def _narrowed(rows: _Rows, query: dict[str, Any], *names: str) -> _Rows:
    return rows.filter(**{_FILTERS[name]: query[name] for name in names if name in query})


def _total(query: dict[str, Any], rows: SavingQuerySet) -> dict[str, Any]:
    """Return what is added up already, where the filters are those by which that was done."""
    if query["dismissed"] == "true" or not _TALLIED.issuperset(query.keys() & _NARROWING):
        return rows.total()
    return tallies.total(_tallies(query), of_kind="kind" in query)


def _kinds(query: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what each kind comes to in the account and region asked for."""
    added = _tallies(query).order_by("kind").values("kind")
    sums = added.annotate(count=Sum("recommendations"), usd=Sum("monthly_usd"))
    return [
        {"kind": row["kind"], "recommendations": row["count"], "monthly_usd": row["usd"]}
        for row in sums.order_by("kind")
    ]


def _tallies(query: dict[str, Any]) -> "QuerySet[SavingTally]":
    return _narrowed(SavingTally.objects.all(), query, *_TALLIED)


def _withheld(query: dict[str, Any]) -> list[dict[str, Any]]:
    """Count the reasons, the most frequent first; of a single resource they are not kept."""
    rows = _narrowed(WithheldSaving.objects.all(), query, "account", "region", "kind")
    counted = rows.values("kind", "reason").annotate(count=Sum("resources"))
    return [
        {"kind": row["kind"], "reason": row["reason"], "resources": row["count"]}
        for row in counted.order_by("kind", "-count", "reason")
    ]


def _realised(query: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = _narrowed(FollowedSaving.objects.all(), query, *_FILTERS).aggregate(
        usd=Sum("monthly_usd", default=0),
        promised=Sum("promised_usd", filter=Q(monthly_usd__isnull=False), default=0),
        known=Count("monthly_usd"),
        changes=Count("*"),
    )
    return {
        "monthly_usd": found["usd"],
        "promised_usd": found["promised"],
        "changes": found["known"],
        "pending": found["changes"] - found["known"],
    }


def _page(view: APIView, rows: "QuerySet[_Row]") -> tuple[Pagination, list[_Row]]:
    pagination = Pagination()
    return pagination, pagination.paginate_queryset(rows, view.request, view) or []


def _paged(page: tuple[Pagination, list[Any]], serializer: type[BaseSerializer[Any]]) -> dict[str, Any]:
    pagination, rows = page
    answer: dict[str, Any] = pagination.get_paginated_response(serializer(rows, many=True).data).data
    return answer
