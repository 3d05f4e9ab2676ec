"""Days of the past, asked for through HTTP."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.oidc import ALSO_SERVICES
from accounts.permissions import IsOperator, asking
from collectors.services import backfill
from core.body import StrictSerializer, given
from core.query import DayField, ErrorSerializer, refuse_strange
from pipelines import idempotency, waiting
from pipelines.orders import SourcesField


class BackfillSerializer(StrictSerializer):
    """Which days are to be read, and of what."""

    start = DayField(help_text="First day, UTC.")
    end = DayField(help_text="The day after the last one, UTC (exclusive).")
    sources = SourcesField(
        backfill.PIPELINE,
        help_text="Of ec2, cost, cpu and billing; without it cost and cpu, and billing where files are read.",
    )


class BackfillView(APIView):
    """Reads days of the past, or joins the run that is reading the same ones."""

    authentication_classes = ALSO_SERVICES
    permission_classes = (IsOperator,)

    @extend_schema(
        parameters=[idempotency.PARAMETER],
        request=BackfillSerializer,
        responses={
            202: waiting.StartedSerializer,
            400: ErrorSerializer,
            409: ErrorSerializer,
            422: OpenApiResponse(ErrorSerializer, idempotency.REUSED),
            503: OpenApiResponse(ErrorSerializer, "The issuer of the token does not answer."),
        },
        examples=[
            OpenApiExample(
                "February",
                {"start": "2026-02-01", "end": "2026-03-01", "sources": ["cost"]},
                request_only=True,
            )
        ],
        tags=["collection"],
    )
    def post(self, request: Request) -> Response:
        """Start reading a range of days; what a person starts is counted, and not held to the budget."""
        refuse_strange(request.query_params, known=())
        wanted: dict[str, Any] = {"sources": backfill.usual_sources(), **given(BackfillSerializer, request)}
        run = idempotency.once(
            request,
            "backfill",
            wanted,
            lambda: backfill.start(wanted["start"], wanted["end"], wanted["sources"], by=asking(request)),
        )
        return waiting.answer(request, run)
