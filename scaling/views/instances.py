"""Instances and their policies: sections 5 to 8 of the autoscaler's description, and what it is silent of."""

from typing import Any

from django.core.exceptions import ValidationError as InvalidPolicyError
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.permissions import asking
from core.body import given
from core.examples import answered
from core.query import ErrorSerializer
from scaling.serializers import instances as serializers
from scaling.services import policies, registration
from scaling.views.base import ANYONES, OWNERS, BearerView

_REAL, _MOCK = (
    {"instance_id": "i-1234567890abcdef0", "instance_type": "t2.micro", "region": "us-east-1"},
    {"instance_id": "mock-instance-1", "instance_type": "t2.micro", "region": "mock"},
)


def _example(*, level: int, percent: float, **shown: Any) -> dict[str, Any]:
    """Return an instance as the document shows it."""
    capacities = dict.fromkeys(("cpu_capacity", "memory_capacity", "network_capacity"), percent)
    own_id = {"id": "660e8400-e29b-41d4-a716-446655440001"}
    return {**own_id, **_REAL, **shown, **capacities, "current_scale_level": level}


_REGISTERED = _example(is_monitoring=False, is_mock=False, level=1, percent=100.0)
_LISTED = {
    **_example(is_monitoring=True, is_mock=False, level=2, percent=150.0),
    "created_at": "2026-01-22T05:16:25.123456",
}


@extend_schema(tags=["instances"])
class InstancesView(BearerView):
    """The user's instances."""

    @extend_schema(
        operation_id="api_instances_list",
        responses={200: serializers.ManagedInstanceListSerializer, **ANYONES},
        examples=[answered({"instances": [_LISTED]})],
    )
    def get(self, request: Request) -> Response:
        """List all of one's instances, the newest first."""
        own = asking(request).managed_instances.all()
        return Response({"instances": serializers.ManagedInstanceSerializer(own, many=True).data})

    @extend_schema(
        request=serializers.InstanceRegistrationSerializer,
        responses={
            201: serializers.InstanceRegisteredSerializer,
            **ANYONES,
            409: OpenApiResponse(ErrorSerializer, "Somebody has registered the instance already."),
        },
        examples=[
            OpenApiExample("Real AWS instance", {**_REAL, "is_mock": False}, request_only=True),
            OpenApiExample("Mock instance", {**_MOCK, "is_mock": True}, request_only=True),
            answered({"message": "Instance registered successfully", "instance": _REGISTERED}, 201),
        ],
    )
    def post(self, request: Request) -> Response:
        """Register an instance of EC2, or a mock, which needs no AWS."""
        sent = given(serializers.InstanceRegistrationSerializer, request)
        instance = registration.register(asking(request), **sent)
        shown = serializers.RegisteredInstanceSerializer(instance).data
        answer = {"message": "Instance registered successfully", "instance": shown}
        return Response(answer, status=status.HTTP_201_CREATED)


@extend_schema(tags=["instances"])
class InstanceView(BearerView):
    """One instance."""

    @extend_schema(responses={200: serializers.ManagedInstanceDetailSerializer, **OWNERS})
    def get(self, request: Request, instance_id: str) -> Response:
        """Tell all there is to know about the instance itself."""
        instance = registration.owned(asking(request), instance_id)
        return Response(serializers.ManagedInstanceDetailSerializer(instance).data)

    @extend_schema(
        responses={
            204: None,
            **OWNERS,
            409: OpenApiResponse(
                ErrorSerializer, "A scaling action is not finished, or was ordered within the last hour."
            ),
        }
    )
    def delete(self, request: Request, instance_id: str) -> Response:
        """Forget the instance, its metrics and decisions; what it is at AWS stays as it is."""
        instance = registration.owned(asking(request), instance_id)
        registration.delete(instance, by=asking(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


@extend_schema(tags=["instances"])
class StartView(BearerView):
    """Starts monitoring."""

    @extend_schema(
        request=None,
        responses={200: serializers.MessageSerializer, **OWNERS},
        examples=[answered({"message": "Monitoring started successfully"})],
    )
    def patch(self, request: Request, instance_id: str) -> Response:
        """Have the instance measured every 30 seconds, and decided about every 15."""
        instance = registration.owned(asking(request), instance_id)
        registration.start_monitoring(instance, by=asking(request))
        return Response({"message": "Monitoring started successfully"})


@extend_schema(tags=["instances"])
class StopView(BearerView):
    """Stops monitoring."""

    @extend_schema(
        request=None,
        responses={200: serializers.MessageSerializer, **OWNERS},
        examples=[answered({"message": "Monitoring stopped successfully"})],
    )
    def patch(self, request: Request, instance_id: str) -> Response:
        """Have the instance neither measured nor scaled any more."""
        instance = registration.owned(asking(request), instance_id)
        registration.stop_monitoring(instance, by=asking(request))
        return Response({"message": "Monitoring stopped successfully"})


@extend_schema(tags=["instances"])
class PolicyView(BearerView):
    """The policy of an instance."""

    @extend_schema(responses={200: serializers.PolicySerializer, **OWNERS})
    def get(self, request: Request, instance_id: str) -> Response:
        """Show by which rules the instance is scaled."""
        instance = registration.owned(asking(request), instance_id)
        return Response(serializers.PolicySerializer(instance.policy).data)

    @extend_schema(
        request=serializers.PolicySerializer,
        responses={
            200: serializers.PolicySerializer,
            **OWNERS,
            409: OpenApiResponse(ErrorSerializer, "A mode that acts waits for the action under way."),
        },
        examples=[
            OpenApiExample("Scale earlier", {"cpu_high": 75, "cooldown_up_s": 120}, request_only=True),
            OpenApiExample(
                "Resize on Sunday nights",
                {
                    "mode": "ec2-resize",
                    "allow_restart": True,
                    "maintenance_window": "sun:02:00-sun:04:00",
                },
                request_only=True,
            ),
        ],
    )
    def patch(self, request: Request, instance_id: str) -> Response:
        """Change any of the fields; decisions name the version that they were made by."""
        instance = registration.owned(asking(request), instance_id)
        body = serializers.PolicySerializer(data=request.data, partial=True)
        body.is_valid(raise_exception=True)
        try:
            policy = policies.change(instance, dict(body.validated_data), by=asking(request))
        except InvalidPolicyError as error:
            raise ValidationError(error.message_dict) from error
        return Response(serializers.PolicySerializer(policy).data)
