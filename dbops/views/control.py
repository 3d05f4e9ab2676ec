"""Starting, stopping and looking at the automation."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.examples import answered
from core.query import Query
from dbops.examples import recorded
from dbops.serializers import control as serializers
from dbops.serializers.observing import health_of
from dbops.services import control, observing
from dbops.views.base import TAG, ControlView


class StartView(ControlView):
    """Switches all schedules of the automation on; that survives a restart."""

    @extend_schema(
        request=None,
        responses=serializers.SwitchedSerializer,
        tags=[TAG],
        examples=[answered({"running": True, "changed": False})],
    )
    def post(self, _request: Request) -> Response:
        """Start it, unless it runs already."""
        return Response(serializers.SwitchedSerializer(control.switch(on=True)).data)


class StopView(ControlView):
    """Switches all schedules of the automation off; that survives a restart."""

    @extend_schema(
        request=None,
        responses=serializers.SwitchedSerializer,
        tags=[TAG],
        examples=[answered({"running": False, "changed": True})],
    )
    def post(self, _request: Request) -> Response:
        """Stop it; what was begun is ended, and nothing is done by itself from then on."""
        return Response(serializers.SwitchedSerializer(control.switch(on=False)).data)


class StatusView(APIView):
    """What the automation does, and how the database is."""

    @extend_schema(
        responses=serializers.AutomationStatusSerializer, tags=[TAG], examples=[recorded("status")]
    )
    def get(self, request: Request) -> Response:
        """Tell what runs when, the pool as it is now, and the judgement of the last minute."""
        Query.read(request)
        status = {**control.status(), "health": health_of(observing.latest())}
        return Response(serializers.AutomationStatusSerializer(status).data)
