"""By what the audit trail can be narrowed down."""

import django_filters

from core.filters import DayFilter, PeriodFilterSet
from scaling.models import ScalingEvent


class EventFilter(PeriodFilterSet):
    """Keeps some of the events; `start` and `end` are days on which they happened."""

    start = DayFilter(field_name="at", lookup_expr="date__gte", help_text="First day, UTC.")
    end = DayFilter(field_name="at", lookup_expr="date__lt", help_text="The day after the last one.")
    instance_id = django_filters.CharFilter(help_text="The cloud's id.")
    kind = django_filters.CharFilter(help_text="Such as policy-changed.")

    class Meta:
        model = ScalingEvent
        fields = ()
