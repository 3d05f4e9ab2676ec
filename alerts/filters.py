"""By what alerts and channels can be narrowed down."""

import django_filters

from alerts.models import Alert, AlertQuerySet, Channel, Kind, Severity, State
from core.filters import DayFilter, PeriodFilterSet, StableOrderingFilter, YesNoFilter


class AlertFilter(PeriodFilterSet):
    """Keeps some of the alerts; `start` and `end` are days on which they were opened."""

    start = DayFilter(field_name="opened_at", lookup_expr="date__gte", help_text="First day, UTC.")
    end = DayFilter(field_name="opened_at", lookup_expr="date__lt", help_text="The day after the last one.")
    state = django_filters.ChoiceFilter(choices=State.choices, method="in_state")
    severity = django_filters.ChoiceFilter(choices=Severity.choices)
    source = django_filters.CharFilter()
    key = django_filters.CharFilter()
    acknowledged = YesNoFilter(field_name="acknowledged_at", lookup_expr="isnull", exclude=True)
    ordering = StableOrderingFilter(fields=("id", "opened_at", "updated_at", "resolved_at", "count"))

    class Meta:
        model = Alert
        fields = ()

    def in_state(self, alerts: AlertQuerySet, _name: str, state: str) -> AlertQuerySet:
        """Keep the alerts in that state."""
        return alerts.in_state(state)


class ChannelFilter(django_filters.FilterSet):
    """Keeps some of the channels."""

    kind = django_filters.ChoiceFilter(choices=Kind.choices)
    is_enabled = YesNoFilter()
    ordering = StableOrderingFilter(fields=("id", "name", "created_at", "last_sent_at"))

    class Meta:
        model = Channel
        fields = ()
