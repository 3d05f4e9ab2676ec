"""Billing files, as they are read through HTTP."""

from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from collectors.billing import filters, serializers, tagging
from collectors.models import BillingFile, DailyTagCost, Reconciliation


@extend_schema(tags=["billing"])
class BillingFileViewSet(viewsets.ReadOnlyModelViewSet[BillingFile]):
    """The versions of billing files that were found, the latest first."""

    queryset = BillingFile.objects.select_related("manifest")
    serializer_class = serializers.BillingFileSerializer
    filterset_class: Any = filters.BillingFileFilter
    lookup_value_regex = "[0-9]{1,18}"

    @extend_schema(responses=serializers.QuarantinedLineSerializer(many=True))
    @action(detail=True, serializer_class=serializers.QuarantinedLineSerializer, filterset_class=None)
    def quarantine(self, _request: Request, pk: str) -> Response:
        """List the file's lines that could not be understood; of very many, the first."""
        lines: QuerySet[Any] = get_object_or_404(BillingFile, pk=pk).quarantine.all()
        page = self.paginate_queryset(self.filter_queryset(lines))
        return self.get_paginated_response(self.get_serializer(page, many=True).data)


@extend_schema(tags=["billing"])
class ReconciliationViewSet(mixins.ListModelMixin, viewsets.GenericViewSet[Reconciliation]):
    """The days of which billing files and Cost Explorer both tell, the latest first."""

    serializer_class = serializers.ReconciliationSerializer
    filterset_class = filters.ReconciliationFilter
    queryset: QuerySet[Reconciliation] = Reconciliation.objects.select_related("account").order_by(
        "-date", "account_id", "unit"
    )


@extend_schema(tags=["billing"])
class CostTagViewSet(viewsets.GenericViewSet[DailyTagCost]):
    """The tags by which costs are known, as billing files tell."""

    queryset = DailyTagCost.objects.all()
    serializer_class: Any = serializers.TagKeySerializer
    filterset_class: Any = None

    def list(self, _request: Request) -> Response:
        """List the tags by their keys."""
        told: Any = tagging.every_key()
        return self._paged(self.filter_queryset(told))

    @extend_schema(responses=serializers.TagValueSerializer(many=True))
    @action(
        detail=False, serializer_class=serializers.TagValueSerializer, filterset_class=filters.TagValueFilter
    )
    def values(self, _request: Request) -> Response:
        """List the values of one tag that were charged for in a range of days."""
        kept: Any = self.filter_queryset(self.get_queryset())
        return self._paged(kept.values_told())

    def _paged(self, told: Any) -> Response:
        page = self.paginate_queryset(told)
        return self.get_paginated_response(self.get_serializer(page, many=True).data)
