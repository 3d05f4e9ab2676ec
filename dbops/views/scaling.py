"""How the pool is sized: decided, looked back at, and in an emergency grown by hand."""

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.permissions import asking
from dbops.examples import recorded
from dbops.models import Cause, PoolEvent
from dbops.pool import choice
from dbops.serializers.scaling import (
    EvaluationSerializer,
    HistoryQuery,
    HistorySerializer,
    PoolEventSerializer,
)
from dbops.services import scaling
from dbops.views.base import NO_ANSWER, TAG, ControlView


class EvaluateView(ControlView):
    """Looks at the pool, decides what size it shall have, and gives it that size."""

    @extend_schema(
        request=None,
        responses={200: EvaluationSerializer, 503: NO_ANSWER},
        tags=[TAG],
        examples=[recorded("evaluate")],
    )
    def post(self, request: Request) -> Response:
        """Decide now instead of with the next minute's look."""
        reading = choice.chosen().read()
        found = scaling.evaluate(reading, timezone.now(), requested_by=asking(request))
        return Response(EvaluationSerializer(found).data)


class HistoryView(APIView):
    """What was decided about the pool's size."""

    @extend_schema(
        parameters=[HistoryQuery],
        responses=HistorySerializer,
        tags=[TAG],
        examples=[recorded("scaling-history")],
    )
    def get(self, request: Request) -> Response:
        """List the decisions, the latest first."""
        limit = HistoryQuery.read(request)["limit"]
        return Response(HistorySerializer({"events": PoolEvent.objects.all()[:limit]}).data)


class EmergencyView(ControlView):
    """Has the pool grow to its maximum at once."""

    @extend_schema(request=None, responses=PoolEventSerializer, tags=[TAG], examples=[recorded("emergency")])
    def post(self, request: Request) -> Response:
        """Grow, whatever the cooldown; the answer is the event as the history keeps it."""
        event = scaling.emergency(
            timezone.now(),
            cause=Cause.OPERATOR,
            reason="An operator asked for it",
            requested_by=asking(request),
        )
        return Response(PoolEventSerializer(event).data)
