"""By what runs can be narrowed down."""

import django_filters

from core.filters import DayFilter, PeriodFilterSet, StableOrderingFilter, YesNoFilter
from pipelines.models import Run, Status, Trigger


class RunFilter(PeriodFilterSet):
    """Keeps some of the runs; `start` and `end` are days on which they were created."""

    start = DayFilter(field_name="created_at", lookup_expr="date__gte", help_text="First day, UTC.")
    end = DayFilter(field_name="created_at", lookup_expr="date__lt", help_text="The day after the last one.")
    pipeline = django_filters.CharFilter()
    scope = django_filters.CharFilter()
    status = django_filters.ChoiceFilter(choices=Status.choices)
    trigger = django_filters.ChoiceFilter(choices=Trigger.choices)
    parent = django_filters.NumberFilter(field_name="parent_id", help_text="The children of that run.")
    top = YesNoFilter(
        field_name="parent", lookup_expr="isnull", help_text="true: without the children of other runs."
    )
    ordering = StableOrderingFilter(
        fields=("id", "created_at", "started_at", "finished_at", "aws_cost_usd", "aws_calls")
    )

    class Meta:
        model = Run
        fields = ()
