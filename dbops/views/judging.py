"""Recommendations, the optimisation started by hand, and the report over a period."""

from datetime import timedelta

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.permissions import IsViewer
from core.query import Query
from dbops.examples import recorded
from dbops.serializers import judging as serializers
from dbops.services import optimizing, recommending, reporting
from dbops.views.base import NO_ANSWER, TAG, ControlView


class RecommendationsView(APIView):
    """What whoever runs the database should do."""

    permission_classes = (IsViewer,)

    @extend_schema(
        tags=[TAG],
        responses={200: serializers.AdviceSerializer, 503: NO_ANSWER},
        examples=[recorded("recommendations")],
    )
    def get(self, request: Request) -> Response:
        """Look at the database and recommend, with the evidence, the SQL to run and what it would change."""
        Query.read(request)
        advice = recommending.advice(timezone.now())
        return Response(serializers.AdviceSerializer(advice).data)


class OptimizeView(ControlView):
    """The hourly optimisation."""

    @extend_schema(
        tags=[TAG],
        request=None,
        responses=serializers.OptimizationSerializer,
        examples=[recorded("optimize")],
    )
    def post(self, _request: Request) -> Response:
        """Do now what is done every hour; what fails is told, and does not keep the rest from being done."""
        return Response(serializers.OptimizationSerializer(optimizing.optimize(timezone.now())).data)


class ReportView(APIView):
    """The report."""

    permission_classes = (IsViewer,)

    @extend_schema(
        tags=[TAG],
        parameters=[serializers.HoursQuery],
        responses=serializers.ReportSerializer,
        examples=[recorded("report")],
    )
    def get(self, request: Request) -> Response:
        """Tell what became of the database in the hours before now; the admin has it as a page."""
        end = timezone.now()
        start = end - timedelta(hours=serializers.HoursQuery.read(request)["hours"])
        return Response(serializers.ReportSerializer(reporting.report(start, end)).data)
