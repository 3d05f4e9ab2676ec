"""Simulated loads: section 11 of the autoscaler's description."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, PolymorphicProxySerializer, extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.permissions import asking
from core.body import given
from core.examples import answered
from core.moments import written
from scaling.fields import whole
from scaling.models import ManagedInstance
from scaling.serializers import simulation as serializers
from scaling.serializers.metrics import sample_id
from scaling.services import registration, simulation
from scaling.views.base import OWNERS, BearerView

_LOAD = {
    "instance_id": "i-1234567890abcdef0",
    "cpu_utilization": 95.5,
    "memory_usage": 70.2,
    "network_in": 3072000,
    "network_out": 1536000,
}
_LASTING = {"duration_minutes": 10, "interval_seconds": 30}
_SIMULATED = {
    "message": "Simulated metric created successfully",
    "metric": {
        "id": "dd0e8400-e29b-41d4-a716-446655440008",
        "instance_id": "i-1234567890abcdef0",
        "timestamp": "2026-01-22T05:22:15.123456",
        **{name: value for name, value in _LOAD.items() if name != "instance_id"},
    },
}
_PROLONGED = {
    "message": "Created 20 simulated metrics over 10 minutes",
    "metrics_created": 20,
    **_LASTING,
}


@extend_schema(tags=["metrics"])
class SimulationView(BearerView):
    """Loads that are only said to be there."""

    @extend_schema(
        request=serializers.SimulationSerializer,
        responses={
            201: PolymorphicProxySerializer(
                component_name="Simulation",
                serializers=[serializers.SimulatedSerializer, serializers.ProlongedSerializer],
                resource_type_field_name=None,
                many=False,
            ),
            **OWNERS,
        },
        examples=[
            OpenApiExample("Instant", _LOAD, request_only=True),
            OpenApiExample("10 minutes of high load", {**_LOAD, **_LASTING}, request_only=True),
            answered(_SIMULATED, 201, "Instant"),
            answered(_PROLONGED, 201, "Prolonged"),
        ],
    )
    def post(self, request: Request) -> Response:
        """Simulate a load now, or for minutes until now in the place of what was generated for them."""
        sent = given(serializers.SimulationSerializer, request)
        instance = registration.owned(asking(request), sent["instance_id"])
        if sent["span"] is None:
            answer = _simulated(instance, sent["load"])
        else:
            answer = _prolonged(instance, sent["load"], sent["span"])
        return Response(answer, status=status.HTTP_201_CREATED)


def _simulated(instance: ManagedInstance, load: simulation.Load) -> dict[str, Any]:
    moment = simulation.at_once(instance, load)
    return {
        "message": "Simulated metric created successfully",
        "metric": {
            "id": sample_id(instance, moment),
            "instance_id": instance.instance_id,
            "timestamp": written(moment),
            "cpu_utilization": load.cpu,
            "memory_usage": load.memory,
            "network_in": whole(load.network_in),
            "network_out": whole(load.network_out),
        },
    }


def _prolonged(instance: ManagedInstance, load: simulation.Load, span: simulation.Span) -> dict[str, Any]:
    created = simulation.prolonged(instance, load, span)
    minutes = round(span.duration.total_seconds() / 60)
    return {
        # The contract's sentence, whatever the numbers are.
        "message": f"Created {created} simulated metrics over {minutes} minutes",
        "metrics_created": created,
        "duration_minutes": minutes,
        "interval_seconds": round(span.interval.total_seconds()),
    }
