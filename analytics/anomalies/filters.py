"""By what anomalies can be narrowed down."""

import django_filters

from analytics.models import Anomaly, AnomalyKind, AnomalyState
from core.filters import DayFilter, YesNoFilter


class AnomalyFilter(django_filters.FilterSet):
    """Keeps some of the anomalies."""

    kind = django_filters.ChoiceFilter(choices=AnomalyKind.choices)
    account = django_filters.CharFilter(field_name="account__account_id", help_text="The 12 digits.")
    service = django_filters.CharFilter(help_text="What moved most, as AWS names it.")
    region = django_filters.CharFilter()
    instance = django_filters.CharFilter(field_name="instance__instance_id", help_text="An instance's id.")
    state = django_filters.ChoiceFilter(choices=AnomalyState.choices)
    since = DayFilter(
        field_name="last_at", lookup_expr="date__gte", help_text="Those that went on on that day or later."
    )
    expected = YesNoFilter(field_name="is_expected", help_text="Whether feedback quiets it.")

    class Meta:
        model = Anomaly
        fields = ()
