"""How people and other services start pipelines, and ask how things are."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.oidc import ALSO_SERVICES
from accounts.permissions import IsOperator, asking
from core.body import given, refuse_body
from core.examples import answered
from core.query import ErrorSerializer, refuse_strange
from pipelines import idempotency, ledger, orders, waiting
from pipelines.orders import OrderSerializer
from pipelines.params import DAILY
from pipelines.quality.handler import WEEKLY

_RESPONSES: dict[int, Any] = {
    202: OpenApiResponse(waiting.StartedSerializer, "Started, or active already."),
    400: OpenApiResponse(ErrorSerializer, "What was sent cannot be understood; the reason names it."),
    422: OpenApiResponse(ErrorSerializer, idempotency.REUSED),
    503: OpenApiResponse(ErrorSerializer, "The issuer of the token does not answer."),
}
_STARTED = {
    "run_id": 812,
    "status": "queued",
    "status_url": "https://cloudintel.example.com/api/v1/runs/812/",
}
_ORDER = OpenApiExample(
    "Some days of two sources",
    {"start_date": "2026-03-01", "end_date": "2026-03-08", "sources": ["cost", "billing"], "validate": True},
    request_only=True,
)


@extend_schema(tags=["pipelines"])
class ExecuteView(APIView):
    """Starts the daily run, or answers with the one that is active."""

    authentication_classes = ALSO_SERVICES
    permission_classes = (IsOperator,)

    @extend_schema(
        parameters=[idempotency.PARAMETER],
        request=OrderSerializer,
        responses=_RESPONSES | {409: OpenApiResponse(ErrorSerializer, "A backfill is reading these days.")},
        examples=[_ORDER, answered(_STARTED, 202)],
    )
    def post(self, request: Request) -> Response:
        refuse_strange(request.query_params, known=())
        order = given(OrderSerializer, request)
        params = orders.params(order, timezone.now())
        run = idempotency.once(
            request,
            "execute",
            order,
            lambda: ledger.start(DAILY, requested_by=asking(request), params=params),
        )
        return waiting.answer(request, run)


@extend_schema(tags=["pipelines"])
class ValidateWeeklyView(APIView):
    """Starts the weekly validation of the data, or answers with the one that is active."""

    authentication_classes = ALSO_SERVICES
    permission_classes = (IsOperator,)

    @extend_schema(
        parameters=[idempotency.PARAMETER],
        request=None,
        responses=_RESPONSES,
        examples=[answered(_STARTED, 202)],
    )
    def post(self, request: Request) -> Response:
        refuse_strange(request.query_params, known=())
        refuse_body(request)
        run = idempotency.once(
            request, "validate-weekly", {}, lambda: ledger.start(WEEKLY, requested_by=asking(request))
        )
        return waiting.answer(request, run)
