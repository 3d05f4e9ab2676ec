"""The kill switch and the audit trail, which belong to all who may read the estate."""

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import mixins, viewsets
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.permissions import ViewersReadOperatorsWrite, asking
from core.body import given
from scaling.filters import EventFilter
from scaling.models import ScalingEvent
from scaling.serializers import control as serializers
from scaling.services import killswitch


@extend_schema(tags=["scaling"])
class KillSwitchView(APIView):
    """The switch that stops all scaling actions."""

    permission_classes = (ViewersReadOperatorsWrite,)

    @extend_schema(responses=serializers.KillSwitchSerializer)
    def get(self, _request: Request) -> Response:
        """Tell whether scaling is stopped."""
        return Response(serializers.KillSwitchSerializer(killswitch.current()).data)

    @extend_schema(
        request=serializers.KillSwitchChangeSerializer,
        responses=serializers.KillSwitchSerializer,
        examples=[OpenApiExample("Stop", {"engaged": True, "reason": "load test"}, request_only=True)],
    )
    def patch(self, request: Request) -> Response:
        """Stop all scaling, or let it go on."""
        sent = given(serializers.KillSwitchChangeSerializer, request)
        switch = killswitch.turn(**sent, by=asking(request))
        return Response(serializers.KillSwitchSerializer(switch).data)


@extend_schema(tags=["scaling"])
class EventViewSet(mixins.ListModelMixin, viewsets.GenericViewSet[ScalingEvent]):
    """The audit trail of the autoscaler, the latest first."""

    queryset = ScalingEvent.objects.select_related("user")
    serializer_class = serializers.ScalingEventSerializer
    filterset_class = EventFilter
