"""Costs as a file in the layout of billing files."""

from typing import Any

from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.views import APIView

from collectors.billing import exporting
from collectors.billing.focus import COLUMNS
from collectors.models import CostSource, DailyCost
from core.errors import InvalidInputError
from core.export import csv_chunks
from core.query import PeriodQuery

_MEDIA = {"csv": "text/csv; charset=utf-8", "parquet": "application/vnd.apache.parquet"}


class ExportQuery(PeriodQuery):
    """What to export, and how."""

    layout = serializers.ChoiceField(["focus"], default="focus", help_text="FOCUS 1.0.")
    account = serializers.CharField(required=False, help_text="The 12 digits.")

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """Add `as` and `source`, which Python and Django REST framework keep for themselves."""
        kind = serializers.ChoiceField(list(_MEDIA), default="csv", help_text="The form of the file.")
        source = serializers.ChoiceField(
            CostSource.choices,
            required=False,
            help_text="Whose figures; without it, those from which each account is answered.",
        )
        return {**super().get_fields(), "as": kind, "source": source}

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Refuse a range of days that is empty. Raises: InvalidInputError."""
        start, end = attrs.get("start"), attrs.get("end")
        if start and end and start >= end:
            raise InvalidInputError(f"start ({start}) must be before end ({end}), which is exclusive.")
        return attrs


class CostExportView(APIView):
    """Daily costs as a FOCUS file, which other tools for cloud costs read; what is not known is empty."""

    @extend_schema(
        operation_id="cost_export",
        parameters=[ExportQuery],
        responses={
            (200, "text/csv"): OpenApiTypes.STR,
            (200, "application/vnd.apache.parquet"): OpenApiTypes.BINARY,
        },
        tags=["costs"],
    )
    def get(self, request: Request) -> StreamingHttpResponse:
        query = ExportQuery.read(request)
        costs = exporting.one_source(DailyCost.objects.all(), query.get("source"))
        costs = costs.filter(**_conditions(query))
        kind = query["as"]
        content = (
            exporting.pieces(exporting.parquet(costs))
            if kind == "parquet"
            else csv_chunks(COLUMNS, exporting.lines(costs))
        )
        return StreamingHttpResponse(
            content,
            content_type=_MEDIA[kind],
            headers={"Content-Disposition": f'attachment; filename="focus-costs.{kind}"'},
        )


def _conditions(query: dict[str, Any]) -> dict[str, Any]:
    names = {"start": "date__gte", "end": "date__lt", "account": "account__account_id"}
    return {condition: query[name] for name, condition in names.items() if name in query}
