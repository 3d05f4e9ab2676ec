"""Anomalies, as they are read and judged through HTTP."""

from collections.abc import Iterator
from typing import Any

from django.db.models import F
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.permissions import IsOperator, asking
from analytics.anomalies import feedback, serializers
from analytics.anomalies.filters import AnomalyFilter
from analytics.models import Anomaly, Computation, CostJudgement, Subject
from core.api import Pagination
from core.body import given

_AROUND = {
    "computed_at": {
        "type": "string",
        "format": "date-time",
        "nullable": True,
        "description": "When all was last looked for; null before the first time.",
    },
    "reason": {
        "type": "string",
        "nullable": True,
        "description": "Why there is nothing yet, or nothing newer; null if there is no reason.",
    },
    "judged": {
        "type": "array",
        "description": "How far the costs of each account were judged; where they were not, why.",
        "items": {
            "type": "object",
            "properties": {
                "account": {"type": "string"},
                "judged_through": {"type": "string", "format": "date", "nullable": True},
                "reason": {"type": "string", "nullable": True},
            },
            "required": ["account", "judged_through", "reason"],
        },
    },
}
"""The schema of what is told beside each page."""


class AnomalyPagination(Pagination):
    """Pages that say when anomalies were last looked for, and how far."""

    def get_paginated_response(self, data: Any) -> Response:
        standing = Computation.objects.standing(Subject.ANOMALIES)
        page = super().get_paginated_response(data).data
        return Response({**standing, "judged": list(_judged()), **page})

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        told = super().get_paginated_response_schema(schema)
        return {
            **told,
            "properties": {**_AROUND, **told["properties"]},
            "required": [*_AROUND, *told["required"]],
        }


def _judged() -> Iterator[dict[str, Any]]:
    rows = CostJudgement.objects.order_by("account__account_id")
    for account, day, reason in rows.values_list("account__account_id", "judged_through", "reason"):
        yield {"account": account, "judged_through": day, "reason": reason or None}


@extend_schema(tags=["analytics"])
class AnomalyViewSet(viewsets.ReadOnlyModelViewSet[Anomaly]):
    """What was out of the ordinary in costs and metrics, the latest first."""

    queryset = Anomaly.objects.annotate(
        account_number=F("account__account_id"), instance_name=F("instance__instance_id")
    ).prefetch_related("feedback__given_by")
    serializer_class = serializers.AnomalySerializer
    pagination_class = AnomalyPagination
    filterset_class = AnomalyFilter
    lookup_url_kwarg = "anomaly"

    @extend_schema(
        request=serializers.GivenFeedbackSerializer,
        responses=serializers.AnomalySerializer,
        examples=[
            OpenApiExample(
                "Expected", {"verdict": "expected", "note": "The yearly load test."}, request_only=True
            )
        ],
    )
    @action(detail=True, methods=["post"], permission_classes=[IsOperator])
    def feedback(self, request: Request, **_key: int) -> Response:
        """Say whether an incident is as it should be, which quiets its cause, or real."""
        sent = given(serializers.GivenFeedbackSerializer, request)
        anomaly = self.get_object()
        feedback.give(anomaly.pk, **sent, by=asking(request), now=timezone.now())
        return Response(self.get_serializer(self.get_object()).data)
