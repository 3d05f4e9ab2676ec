"""Metrics and decisions: sections 9 and 10 of the autoscaler's description."""

import uuid

from django.db.models import Prefetch
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.permissions import asking
from core.examples import answered
from scaling.errors import UnknownDecisionError
from scaling.models import ManagedInstance, ScalingDecision, ScalingEvent, Source
from scaling.serializers import metrics as serializers
from scaling.services import registration
from scaling.views.base import OWNERS, BearerView

_METRIC = {
    "id": "880e8400-e29b-41d4-a716-446655440003",
    "timestamp": "2026-01-22T05:20:30.123456",
    "cpu_utilization": 45.2,
    "memory_usage": 62.8,
    "network_in": 1024000,
    "network_out": 512000,
    "is_outlier": False,
    "outlier_type": None,
}
_DECISION = {
    "id": "aa0e8400-e29b-41d4-a716-446655440005",
    "timestamp": "2026-01-22T05:21:00.123456",
    "cpu_utilization": 92.5,
    "memory_usage": 68.3,
    "network_in": 2048000,
    "network_out": 1024000,
    "decision": "scale_up",
    "reason": "Sustained scale up: CPU > 90% for 85.0% of last 5 minutes (Current: 92.50%)",
}


@extend_schema(tags=["metrics"])
class MetricsView(BearerView):
    """What an instance measured."""

    query = serializers.MetricsQuery

    @extend_schema(
        parameters=[serializers.MetricsQuery],
        responses={200: serializers.MetricListSerializer, **OWNERS},
        examples=[answered({"instance_id": "i-1234567890abcdef0", "metrics": [_METRIC]})],
    )
    def get(self, request: Request, instance_id: str) -> Response:
        """List the newest metrics, the newest first."""
        instance = registration.owned(asking(request), instance_id)
        newest = instance.samples.order_by("-timestamp")[: self.asked["limit"]]
        metrics = [serializers.shown_sample(instance, sample) for sample in newest]
        if self.asked["sources"]:
            for metric, sample in zip(metrics, newest, strict=True):
                metric["source"] = Source(sample.source).label
        return Response({"instance_id": instance.instance_id, "metrics": metrics})


@extend_schema(tags=["metrics"])
class DecisionsView(BearerView):
    """What was decided about an instance."""

    query = serializers.LimitQuery

    @extend_schema(
        parameters=[serializers.LimitQuery],
        responses={200: serializers.DecisionListSerializer, **OWNERS},
        examples=[answered({"instance_id": "i-1234567890abcdef0", "decisions": [_DECISION]})],
    )
    def get(self, request: Request, instance_id: str) -> Response:
        """List the newest decisions, the newest first; steady ones are told when their kind changes."""
        instance = registration.owned(asking(request), instance_id)
        newest = instance.decisions.defer("inputs")[: self.asked["limit"]]
        shown = serializers.DecisionSerializer(newest, many=True).data
        return Response({"instance_id": instance.instance_id, "decisions": shown})


@extend_schema(tags=["metrics"])
class DecisionView(BearerView):
    """One decision, explained."""

    @extend_schema(
        operation_id="api_metrics_decisions_explain",
        responses={200: serializers.ExplainedDecisionSerializer, **OWNERS},
    )
    def get(self, request: Request, instance_id: str, decision_id: uuid.UUID) -> Response:
        """Tell by what the decision was made, what was held against it, and what became of it."""
        instance = registration.owned(asking(request), instance_id)
        return Response(serializers.ExplainedDecisionSerializer(_decision(instance, decision_id)).data)


def _decision(instance: ManagedInstance, decision_id: uuid.UUID) -> ScalingDecision:
    """Return the decision about the instance. Raises: UnknownDecisionError."""
    told = Prefetch("events", ScalingEvent.objects.select_related("user").order_by("at", "id"))
    same = instance.decisions.filter(pk=decision_id)
    decision = same.select_related("instance").prefetch_related(told).first()
    if decision is None:
        raise UnknownDecisionError
    return decision
