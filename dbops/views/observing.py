"""The state of the database now, and its load in the past."""

from datetime import timedelta

from django.utils import timezone
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.permissions import IsViewer
from analytics import cache
from core.query import ErrorSerializer
from dbops.catalogue.glance import NoAnswerError
from dbops.examples import recorded
from dbops.models import Observation
from dbops.pool.base import PoolError
from dbops.serializers import observing as serializers
from dbops.services import observing

_POINT = ("at", "utilization", "active", "idle", "waiting", "pool_size")
_NO_ANSWER = OpenApiResponse(ErrorSerializer, "The database or its pool does not answer in time.")


@extend_schema(tags=["database automation"])
class MetricsView(APIView):
    """What goes on in the database."""

    permission_classes = (IsViewer,)

    @extend_schema(
        responses={200: serializers.DatabaseMetricsSerializer, 503: _NO_ANSWER},
        examples=[recorded("metrics")],
    )
    def get(self, _request: Request) -> Response:
        """Look at it now; counters are what was added since the last observation."""
        try:
            reading = observing.look(timezone.now())
        except PoolError as error:
            raise NoAnswerError(str(error)) from error
        return Response(serializers.shown(reading, observing.latest(), cache.report()))


@extend_schema(tags=["database automation"])
class LoadHistoryView(APIView):
    """The load of the pool."""

    permission_classes = (IsViewer,)

    @extend_schema(
        parameters=[serializers.HistoryQuery],
        responses=serializers.LoadHistorySerializer,
        examples=[recorded("load-history")],
    )
    def get(self, request: Request) -> Response:
        """List the load of the last hours, minute by minute."""
        hours = serializers.HistoryQuery.read(request)["hours"]
        since = timezone.now() - timedelta(hours=hours)
        rows = Observation.objects.filter(at__gte=since).order_by("at").values_list(*_POINT)
        names = ("timestamp", *_POINT[1:])
        return Response({"points": [dict(zip(names, row, strict=True)) for row in rows]})
