"""Filters of the viewsets: what they do not know or cannot read they refuse."""

from typing import Any

import django_filters
from django import forms
from django.db.models import QuerySet
from django_filters.rest_framework import DjangoFilterBackend
from rest_framework.request import Request
from rest_framework.views import APIView

from core.errors import InvalidInputError
from core.query import refuse_strange


class StrictFilterBackend(DjangoFilterBackend):
    """Filters by the view's FilterSet; a parameter that nobody reads is an error, not ignored."""

    def filter_queryset(self, request: Request, queryset: QuerySet[Any], view: APIView) -> QuerySet[Any]:
        filterset = self.get_filterset(request, queryset, view)
        pages = getattr(view, "paginator", None)
        page_params = pages.get_schema_operation_parameters(view) if pages else []
        refuse_strange(
            request.query_params,
            known=[*(filterset.filters if filterset else ()), *(each["name"] for each in page_params)],
        )
        kept: QuerySet[Any] = super().filter_queryset(request, queryset, view)
        return kept


class StableOrderingFilter(django_filters.OrderingFilter):
    """Orders by the chosen fields, and equal rows by key, so that each row is on one page."""

    def filter(self, qs: QuerySet[Any], value: Any) -> QuerySet[Any]:
        chosen: QuerySet[Any] = super().filter(qs, value)
        return chosen.order_by(*chosen.query.order_by, "pk") if value else chosen


class _YesNoField(forms.TypedChoiceField):
    """Reads true and false; Django's own boolean takes whatever it cannot read for no answer."""

    def __init__(self, **kwargs: Any) -> None:
        choices = [("", "any"), ("true", "yes"), ("false", "no")]
        super().__init__(choices=choices, coerce=lambda value: value == "true", empty_value=None, **kwargs)


class YesNoFilter(django_filters.BooleanFilter):
    """Compares with true or false."""

    field_class = _YesNoField


class DayFilter(django_filters.DateFilter):
    """Compares with a day, YYYY-MM-DD."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(input_formats=["%Y-%m-%d"], **kwargs)


class PeriodFilterSet(django_filters.FilterSet):
    """Keeps the days from `start` up to, but not including, `end`."""

    start = DayFilter(field_name="date", lookup_expr="gte", help_text="First day, UTC.")
    end = DayFilter(field_name="date", lookup_expr="lt", help_text="The day after the last one (exclusive).")

    def filter_queryset(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        start, end = self.form.cleaned_data["start"], self.form.cleaned_data["end"]
        if start and end and start >= end:
            raise InvalidInputError(f"start ({start}) must be before end ({end}), which is exclusive.")
        kept: QuerySet[Any] = super().filter_queryset(queryset)
        return kept
