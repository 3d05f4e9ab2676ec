"""Metrics and decisions: sections 9 and 10 of the autoscaler's description."""

import uuid

from django.db.models import Prefetch
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from scaling.errors import UnknownDecisionError
from scaling.models import ManagedInstance, ScalingDecision, ScalingEvent, Source
from scaling.serializers import metrics as serializers
from scaling.services import registration
from scaling.views.base import OWNERS, BearerView, asking


@extend_schema(tags=["metrics"])
class MetricsView(BearerView):
    """What an instance measured."""

    query = serializers.MetricsQuery

    @extend_schema(
        parameters=[serializers.MetricsQuery],
        responses={200: serializers.MetricListSerializer, **OWNERS},
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
