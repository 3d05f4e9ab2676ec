"""By what budgets can be narrowed down."""

import django_filters

from analytics.models import Budget
from core.filters import StableOrderingFilter


class BudgetFilter(django_filters.FilterSet):
    """Keeps some of the budgets."""

    account = django_filters.CharFilter(field_name="account__account_id", help_text="The 12 digits.")
    service = django_filters.CharFilter()
    currency = django_filters.CharFilter()
    ordering = StableOrderingFilter(fields=("id", "name", "amount", "created_at", "updated_at"))

    class Meta:
        model = Budget
        fields = ()
