"""By what billing files and reconciliations can be narrowed down."""

import django_filters

from collectors.models import BillingFile, FileState, Reconciliation
from core.filters import PeriodFilterSet


class BillingFileFilter(django_filters.FilterSet):
    """Keeps some of the versions of billing files."""

    state = django_filters.ChoiceFilter(choices=FileState.choices)
    export = django_filters.CharFilter(field_name="manifest__export", help_text="The export's name.")

    class Meta:
        model = BillingFile
        fields = ()


class ReconciliationFilter(PeriodFilterSet):
    """Keeps some of the days that were compared."""

    account = django_filters.CharFilter(field_name="account__account_id", help_text="The 12 digits.")

    class Meta:
        model = Reconciliation
        fields = ()
