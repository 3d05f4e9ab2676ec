"""How the pool is sized: decided, looked back at, and in an emergency grown by hand."""

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.parsers import FormParser, MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.permissions import IsOperator, asking
from core.errors import InvalidInputError
from core.examples import answered
from dbops.models import Cause, PoolEvent
from dbops.pool import choice
from dbops.serializers.scaling import (
    EvaluationSerializer,
    HistoryQuery,
    HistorySerializer,
    NothingQuery,
    PoolEventSerializer,
)
from dbops.services import scaling

TAG = "database automation"

_EVENT = {
    "id": 1,
    "timestamp": "2026-11-24T21:31:07.462051Z",
    "action": "emergency_scale_up",
    "from_size": 5,
    "to_size": 100,
    "reason": "An operator asked for it: to the maximum at once; 100 is the maximum.",
    "trigger": "operator",
    "applied": True,
}


class _ControlView(APIView):
    """Something that operators have done, without saying more than that."""

    permission_classes = (IsOperator,)
    # Some clients announce a form though they send nothing.
    parser_classes = (*APIView.parser_classes, FormParser, MultiPartParser)

    def initial(self, request: Request, *args: object, **kwargs: object) -> None:
        """Refuse what would not be heeded. Raises: InvalidInputError, ValidationError."""
        super().initial(request, *args, **kwargs)
        NothingQuery.read(request)
        if request.data:
            raise InvalidInputError("This takes no body.")


class EvaluateView(_ControlView):
    """Looks at the pool, decides what size it shall have, and gives it that size."""

    @extend_schema(
        request=None,
        responses=EvaluationSerializer,
        tags=[TAG],
        examples=[
            answered(
                {
                    "decision": "emergency_scale_up",
                    "reason": "5 of 5 connections are busy, and 35 clients wait for one (utilisation 100 %): "
                    "95 % or more is critical, to the maximum at once; 100 is the maximum.",
                    "current_pool_size": 5,
                    "recommended_pool_size": 100,
                    "utilization": 1.0,
                    "thresholds": {
                        "scale_up_threshold": 0.8,
                        "scale_down_threshold": 0.3,
                        "critical_threshold": 0.95,
                    },
                    "applied": True,
                }
            )
        ],
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
        examples=[answered({"events": [_EVENT]})],
    )
    def get(self, request: Request) -> Response:
        """List the decisions, the latest first."""
        limit = HistoryQuery.read(request)["limit"]
        return Response(HistorySerializer({"events": PoolEvent.objects.all()[:limit]}).data)


class EmergencyView(_ControlView):
    """Has the pool grow to its maximum at once."""

    @extend_schema(request=None, responses=PoolEventSerializer, tags=[TAG], examples=[answered(_EVENT)])
    def post(self, request: Request) -> Response:
        """Grow, whatever the cooldown; the answer is the event as the history keeps it."""
        event = scaling.emergency(
            timezone.now(),
            cause=Cause.OPERATOR,
            reason="An operator asked for it",
            requested_by=asking(request),
        )
        return Response(PoolEventSerializer(event).data)
