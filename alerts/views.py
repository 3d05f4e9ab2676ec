"""Alerts, as they are read and acknowledged through HTTP, and the channels by which they are told."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_view
from rest_framework import viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from accounts.permissions import IsOperator, asking
from alerts import examples, serializers
from alerts.filters import AlertFilter, ChannelFilter
from alerts.models import Alert, Channel
from alerts.services import audit, channels, sink
from core.body import given, refuse_body
from core.examples import answered
from core.query import ErrorSerializer

_NUMBER = "[0-9]{1,18}"


@extend_schema(tags=["alerts"])
@extend_schema_view(
    retrieve=extend_schema(responses=serializers.AlertDetailSerializer, examples=[answered(examples.ALERT)])
)
class AlertViewSet(viewsets.ReadOnlyModelViewSet[Alert]):
    """What needs somebody's attention, and what did; the latest first."""

    queryset = Alert.objects.select_related("acknowledged_by")
    serializer_class = serializers.AlertSerializer
    filterset_class = AlertFilter
    lookup_value_regex = _NUMBER

    def get_serializer_class(self) -> type[BaseSerializer[Alert]]:
        """Tell more of one than of many."""
        return serializers.AlertDetailSerializer if self.action == "retrieve" else self.serializer_class

    @extend_schema(
        request=serializers.AcknowledgementSerializer,
        responses={200: serializers.AlertSerializer, 409: ErrorSerializer},
        examples=[OpenApiExample("Acknowledge", {"note": "I am on it."}, request_only=True)],
    )
    @action(detail=True, methods=["post"], permission_classes=[IsOperator])
    def acknowledge(self, request: Request, **_key: str) -> Response:
        """Note that you look after an open alert. Who was first stays; a resolved alert is a 409."""
        sent = given(serializers.AcknowledgementSerializer, request)
        alert = sink.acknowledge(self.get_object(), by=asking(request), **sent)
        return Response(serializers.AlertSerializer(alert).data)


@extend_schema(tags=["alerts"])
@extend_schema_view(
    create=extend_schema(
        examples=[
            OpenApiExample("Webhook", examples.NEW_CHANNEL, request_only=True),
            answered(examples.CHANNEL, 201),
        ]
    )
)
class ChannelViewSet(viewsets.ModelViewSet[Channel]):
    """Who is told of alerts. Targets are secrets: answers show a part of them, and to operators alone."""

    queryset = Channel.objects.select_related("created_by")
    permission_classes = (IsOperator,)
    serializer_class = serializers.ChannelSerializer
    filterset_class = ChannelFilter
    lookup_value_regex = _NUMBER

    def perform_create(self, serializer: BaseSerializer[Channel]) -> None:
        with audit.by(asking(self.request)):
            serializer.save(created_by=asking(self.request))

    def perform_update(self, serializer: BaseSerializer[Channel]) -> None:
        with audit.by(asking(self.request)):
            serializer.save()

    def perform_destroy(self, instance: Channel) -> None:
        with audit.by(asking(self.request)):
            channels.delete(instance)

    @extend_schema(request=None, responses=serializers.TestedSerializer, examples=[answered(examples.TESTED)])
    @action(detail=True, methods=["post"])
    def test(self, request: Request, **_key: Any) -> Response:
        """Send a message through the channel now, and wait for what becomes of it, ten seconds at most."""
        refuse_body(request)
        outcome = channels.test(self.get_object())
        return Response({"delivered": outcome.is_delivered, "error": outcome.error})
