"""By what billing files and reconciliations can be narrowed down."""

from datetime import timedelta
from typing import Any

import django_filters
from django.db.models import QuerySet
from django.utils import timezone

from collectors.models import BillingFile, DailyTagCost, FileState, Reconciliation
from core.filters import PeriodFilterSet

USUAL_DAYS = timedelta(days=31)


class BillingFileFilter(django_filters.FilterSet):
    """Keeps some of the versions of billing files."""

    state = django_filters.ChoiceFilter(choices=FileState.choices)
    export = django_filters.CharFilter(field_name="manifest__export", help_text="The export's name.")

    class Meta:
        model = BillingFile
        fields = ()


class TagValueFilter(PeriodFilterSet):
    """Keeps the values of one tag in a range of days: without one, the last 31 days."""

    tag_key = django_filters.CharFilter(field_name="key", required=True, help_text="The tag.")
    account = django_filters.CharFilter(field_name="account__account_id", help_text="The 12 digits.")

    class Meta:
        model = DailyTagCost
        fields = ()

    def filter_queryset(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if not (self.form.cleaned_data["start"] or self.form.cleaned_data["end"]):
            queryset = queryset.filter(date__gt=timezone.now().date() - USUAL_DAYS)
        return super().filter_queryset(queryset)


class ReconciliationFilter(PeriodFilterSet):
    """Keeps some of the days that were compared."""

    account = django_filters.CharFilter(field_name="account__account_id", help_text="The 12 digits.")

    class Meta:
        model = Reconciliation
        fields = ()
