"""Reports of quality, as they are read through HTTP."""

from typing import Any

import django_filters
from django.http import HttpResponse, HttpResponseBase
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import mixins, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from core.query import ErrorSerializer
from pipelines.models import QualityReport, ReportKind
from pipelines.quality import dependents, reports, weekly
from pipelines.quality.serializers import QualityReportSerializer, WeeklyQualitySerializer, WeeklyQuery


class ReportFilter(django_filters.FilterSet):
    """Keeps the reports of one kind."""

    kind = django_filters.ChoiceFilter(choices=ReportKind.choices)

    class Meta:
        model = QualityReport
        fields = ()


@extend_schema(tags=["quality"])
class QualityViewSet(mixins.ListModelMixin, viewsets.GenericViewSet[QualityReport]):
    """How good what was collected is; the latest first."""

    queryset = QualityReport.objects.all()
    serializer_class = QualityReportSerializer
    filterset_class = ReportFilter

    def get_serializer_context(self) -> dict[str, Any]:
        return {**super().get_serializer_context(), "dependents": _dependents()}

    @extend_schema(
        operation_id="quality_weekly",
        parameters=[WeeklyQuery],
        responses={
            (200, "application/json"): WeeklyQualitySerializer,
            (200, "text/html"): OpenApiTypes.STR,
            404: OpenApiResponse(ErrorSerializer, "No week has been validated yet."),
        },
        filters=False,
    )
    @action(detail=False, pagination_class=None, filterset_class=None)
    def weekly(self, request: Request) -> HttpResponseBase:
        """The report of the newest week, with the scores of the weeks before and of its days."""
        form = WeeklyQuery.read(request)["as"]
        report = weekly.newest()
        if report is None:
            raise NotFound("No week has been validated yet; the pipeline weekly-validation does that.")
        if form == "html":
            return _page(weekly.as_html(report))
        shown = self.get_serializer(report).data
        return Response({**shown, "trend": weekly.trend(report)})


def _page(html: str) -> HttpResponse:
    policy = {"Content-Security-Policy": weekly.CONTENT_SECURITY_POLICY}
    return HttpResponse(html, content_type="text/html; charset=utf-8", headers=policy)


def _dependents() -> dict[int, list[dict[str, Any]]]:
    """Return what depends on the daily report that counts, by its key."""
    report = reports.latest()
    return {} if report is None else {report.pk: dependents.of(report, timezone.now())}
