"""Budgets, as they are read and changed through HTTP."""

from django.db import transaction
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_view
from rest_framework import viewsets
from rest_framework.serializers import BaseSerializer

from accounts.permissions import ViewersReadOperatorsWrite, asking
from alerts.services import audit
from analytics.budgets import alarming, serializers, service
from analytics.budgets.filters import BudgetFilter
from analytics.models import Budget

_NEW = {"name": "EC2 of production", "account": "123456789012", "service": "AmazonEC2", "amount": 1000}


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
        with audit.by(asking(self.request)), transaction.atomic():
            budget = serializer.save(created_by=asking(self.request))
            service.look(budget.pk, timezone.now())
        budget.refresh_from_db()

    def perform_update(self, serializer: BaseSerializer[Budget]) -> None:
        before = service.rule_of(self.get_object())
        with audit.by(asking(self.request)), transaction.atomic():
            budget = serializer.save()
            service.look(budget.pk, timezone.now(), is_changed=service.rule_of(budget) != before)
        budget.refresh_from_db()

    def perform_destroy(self, instance: Budget) -> None:
        with audit.by(asking(self.request)), transaction.atomic():
            alarming.end_all(instance)
            instance.delete()
