"""Maintenance over HTTP: start it, and see what it did."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.permissions import IsOperator, asking
from core.body import given
from core.query import Query
from dbops.examples import recorded
from dbops.models import Maintenance
from dbops.serializers.maintenance import (
    MaintainedSerializer,
    MaintenanceReportSerializer,
    MaintenanceRunSerializer,
    MaintenanceStatusSerializer,
)
from dbops.services import maintaining, maintenance_report
from dbops.views.base import TAG
from pipelines import waiting
from pipelines.models import Run


@extend_schema(tags=[TAG])
class MaintenanceRunView(APIView):
    """Starts a maintenance, or joins the one that is active; a dry run only tells what would be done."""

    permission_classes = (IsOperator,)

    @extend_schema(
        parameters=[waiting.WaitQuery],
        request=MaintenanceRunSerializer,
        responses={
            202: OpenApiResponse(waiting.StartedSerializer, "Queued or running."),
            200: OpenApiResponse(MaintainedSerializer, "With `wait`: ended in time."),
        },
        examples=[
            OpenApiExample("Dry run", {"dry_run": True}, request_only=True),
            recorded("maintenance-started", 202),
            recorded("maintenance-run"),
        ],
    )
    def post(self, request: Request) -> Response:
        query = waiting.WaitQuery.read(request)
        run = maintaining.start(**given(MaintenanceRunSerializer, request), requested_by=asking(request))
        has_ended = waiting.ended_within(run, query.get("wait"))
        return waiting.answer(request, run, _finished(run) if has_ended else None)


def _finished(run: Run) -> dict[str, Any]:
    report = Maintenance.objects.filter(run=run).first()
    told = dict(MaintenanceReportSerializer(report).data) if report else {}
    return {**told, "run_id": run.pk, **({"error": run.error} if run.error else {})}


@extend_schema(tags=[TAG])
class MaintenanceStatusView(APIView):
    """Tells what the last maintenance did, and those before."""

    @extend_schema(
        responses=MaintenanceStatusSerializer,
        examples=[recorded("maintenance-status")],
    )
    def get(self, request: Request) -> Response:
        Query.read(request)
        return Response(MaintenanceStatusSerializer(maintenance_report.status()).data)
