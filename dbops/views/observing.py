"""The state of the database now, and its load in the past."""

from datetime import timedelta

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.permissions import IsViewer
from analytics import cache
from core.query import Query
from dbops.examples import recorded
from dbops.models import Observation
from dbops.serializers import observing as serializers
from dbops.services import observing
from dbops.views.base import NO_ANSWER, TAG

_POINT = ("at", "utilization", "active", "idle", "waiting", "pool_size")


@extend_schema(tags=[TAG])
class MetricsView(APIView):
    """What goes on in the database."""

    permission_classes = (IsViewer,)

    @extend_schema(
        responses={200: serializers.DatabaseMetricsSerializer, 503: NO_ANSWER},
        examples=[recorded("metrics")],
    )
    def get(self, request: Request) -> Response:
        """Look at it now; counters are what was added since the last observation."""
        Query.read(request)
        reading = observing.look(timezone.now())
        return Response(serializers.shown(reading, observing.latest(), cache.report()))


@extend_schema(tags=[TAG])
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
