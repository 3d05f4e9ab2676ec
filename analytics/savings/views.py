"""What could be saved and what was, as it was computed last, and the dismissal of recommendations."""

from typing import Any, TypeVar

from django.db.models import Model, QuerySet
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.views import APIView

from accounts.permissions import IsOperator, asking
from analytics.models import Computation, FollowedSaving, PriceList, SavingsScope, Subject
from analytics.savings import dismissing, serializers, stored
from analytics.views import NOT_KNOWN, known_account
from core.api import Pagination
from core.body import given, refuse_body
from core.query import refuse_strange

_Row = TypeVar("_Row", bound=Model)
_UNKNOWN_TOTAL = {"monthly_usd": None, "resources": 0, "unpriced": 0}


class SavingsView(APIView):
    """What could be saved, the largest amount first."""

    @extend_schema(
        operation_id="savings",
        parameters=[serializers.SavingsQuery],
        responses={200: serializers.SavingsSerializer, 404: NOT_KNOWN},
        tags=["analytics"],
    )
    def get(self, request: Request) -> Response:
        query = serializers.SavingsQuery.read(request)
        known_account(query)
        standing = Computation.objects.standing(Subject.SAVINGS)
        rows = stored.chosen(query)
        page = _page(self, rows.largest_first().select_related("account", "dismissed_by"))
        scopes = stored.narrowed(SavingsScope.objects.all(), query, "region")
        lists = {each.region: each for each in PriceList.objects.defer("hourly", "gb_month")}
        return Response(
            {
                **standing,
                "currency": stored.CURRENCY,
                "total": stored.total(query, rows) if standing["computed_at"] else _UNKNOWN_TOTAL,
                "kinds": stored.kinds(query),
                "withheld": stored.withheld(query),
                "realised": stored.realised(query),
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
        responses={200: serializers.FollowedSavingsSerializer, 404: NOT_KNOWN},
        tags=["analytics"],
    )
    def get(self, request: Request) -> Response:
        query = serializers.FollowedQuery.read(request)
        known_account(query)
        rows = stored.narrowed(FollowedSaving.objects.select_related("account"), query, *stored.FILTERS)
        return Response(
            {
                **Computation.objects.standing(Subject.SAVINGS),
                "realised": stored.realised(query),
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
        saving = dismissing.dismiss(pk, reason=reason, by=asking(request))
        return Response(serializers.SavingSerializer(saving).data)

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
        return Response(serializers.SavingSerializer(dismissing.restore(pk)).data)


# --- Pages ---------------------------------------------------------------------------------
def _page(view: APIView, rows: "QuerySet[_Row]") -> tuple[Pagination, list[_Row]]:
    pagination = Pagination()
    return pagination, pagination.paginate_queryset(rows, view.request, view) or []


def _paged(page: tuple[Pagination, list[Any]], serializer: type[BaseSerializer[Any]]) -> dict[str, Any]:
    pagination, rows = page
    answer: dict[str, Any] = pagination.get_paginated_response(serializer(rows, many=True).data).data
    return answer
