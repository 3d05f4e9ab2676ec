"""Budgets, as they are read and changed through HTTP."""

from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_view
from rest_framework import viewsets
from rest_framework.serializers import BaseSerializer

from accounts.permissions import ViewersReadOperatorsWrite, asking
from analytics.budgets import changing, serializers
from analytics.budgets.filters import BudgetFilter
from analytics.models import Budget

_NEW = {
    "name": "Compute of production",
    "account": "123456789012",
    "service": "Amazon Elastic Compute Cloud - Compute",
    "amount": 1000,
}


@extend_schema(tags=["budgets"])
@extend_schema_view(create=extend_schema(examples=[OpenApiExample("Service", _NEW, request_only=True)]))
class BudgetViewSet(viewsets.ModelViewSet[Budget]):
    """What may be spent a month, and how far the present one is along."""

    queryset = Budget.objects.select_related("account", "created_by", "status")
    permission_classes = (ViewersReadOperatorsWrite,)
    serializer_class = serializers.BudgetSerializer
    filterset_class = BudgetFilter
    lookup_value_regex = "[0-9]{1,18}"

    def perform_create(self, serializer: BaseSerializer[Budget]) -> None:
        changing.create(serializer, by=asking(self.request))

    def perform_update(self, serializer: BaseSerializer[Budget]) -> None:
        changing.update(serializer, was=self.get_object(), by=asking(self.request))

    def perform_destroy(self, instance: Budget) -> None:
        changing.delete(instance, by=asking(self.request))
