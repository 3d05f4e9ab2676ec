"""What people choose by a page's address: filters, ranges of days, pages of a list."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import django_filters
from django import forms
from django.core.paginator import Page as Rows
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, QueryDict

from core.errors import InvalidInputError
from core.period import Period
from dashboard.measured import Span

ROWS = 50
"""So many rows of a list are on a page."""


@dataclass(frozen=True, slots=True)
class Filtered:
    """The rows that were chosen, by the form that says how; none where it cannot be read."""

    rows: "QuerySet[Any]"
    form: forms.Form

    @property
    def status(self) -> int:
        """That of the page."""
        return 400 if self.form.errors else 200


def filtered(
    filters: type[django_filters.FilterSet],
    request: HttpRequest,
    rows: "QuerySet[Any]",
    usual: Mapping[str, str] | None = None,
) -> Filtered:
    """Filter by the API's own filters of such rows; what is wrong is told beside its field.

    `usual` is how rows are filtered where the address does not name that filter.
    """
    chosen = request.GET.copy()
    for name, value in (usual or {}).items():
        chosen.setdefault(name, value)
    filterset = filters(chosen, rows)
    form: forms.Form = filterset.form
    if form.errors:
        return Filtered(rows.none(), form)
    try:
        return Filtered(filterset.qs, form)
    except InvalidInputError as error:
        form.add_error(None, str(error))
        return Filtered(rows.none(), form)


class RangeForm(forms.Form):
    """A range of UTC days; subclasses add what else a page is narrowed down by.

    `period` is the range that was chosen, or the usual one; that one, too, where what was chosen is wrong.
    """

    start = forms.DateField(required=False, input_formats=["%Y-%m-%d"], label="From")
    end = forms.DateField(required=False, input_formats=["%Y-%m-%d"], label="Up to, not including")

    def __init__(self, given: QueryDict, *, usual: Period) -> None:
        super().__init__(given.dict())
        self.period = self._usual = usual
        if not self.errors:
            self._show_period()

    def clean(self) -> dict[str, Any]:
        """Choose the period. Raises: ValidationError."""
        start, end = (self._day(name) for name in ("start", "end"))
        try:
            self.period = Period.chosen(start, end, default=self._usual)
        except InvalidInputError as error:
            raise forms.ValidationError(str(error)) from error
        return self.cleaned_data

    def _show_period(self) -> None:
        """Show the range that was chosen, also where the address leaves it to be the usual one."""
        self.data = {**self.data, "start": str(self.period.start), "end": str(self.period.end)}

    def _day(self, name: str) -> date | None:
        day: date | None = self.cleaned_data.get(name)
        return day

    @property
    def status(self) -> int:
        """That of the page."""
        return 400 if self.errors else 200


LENGTHS = {
    "1h": timedelta(hours=1),
    "24h": timedelta(hours=24),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
}
"""How long before the present a range may be asked for to begin."""
_USUAL_LENGTH = "24h"


class SpanForm(RangeForm):
    """A span of time: `last` is one of LENGTHS; days, where they are given, count instead of that."""

    last = forms.CharField(required=False)

    def __init__(self, given: QueryDict, *, now: datetime) -> None:
        self.now = now
        super().__init__(given, usual=Period.last(1, through=now.date()))

    def clean(self) -> dict[str, Any]:
        """Choose the span. Raises: ValidationError."""
        cleaned = super().clean()
        if cleaned.get("last") and cleaned["last"] not in LENGTHS:
            raise forms.ValidationError(f"last is one of {', '.join(LENGTHS)}.")
        if self._is_of_days and _midnight(self.period.start) >= self.now:
            raise forms.ValidationError(f"{self.period.start} is not there yet.")
        return cleaned

    @property
    def span(self) -> Span:
        """What was chosen; the usual one where that cannot be read."""
        if self.errors or not self._is_of_days:
            return Span(self.now - LENGTHS[self.length], self.now, follows=True)
        end = _midnight(self.period.end)
        return Span(_midnight(self.period.start), min(end, self.now), follows=end >= self.now)

    @property
    def length(self) -> str:
        """Which of LENGTHS holds; empty where days do."""
        if not self.errors and self._is_of_days:
            return ""
        return _USUAL_LENGTH if self.errors else self.cleaned_data.get("last") or _USUAL_LENGTH

    @property
    def _is_of_days(self) -> bool:
        return bool(self.cleaned_data.get("start") or self.cleaned_data.get("end"))

    def _show_period(self) -> None:
        """Leave the days empty where the span is a length."""


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def rows_of_page(request: HttpRequest, rows: "QuerySet[Any]", *, size: int = ROWS) -> "Rows[Any]":
    """Return the rows on the page that the address names.

    Raises: InvalidInputError for what is no number, Http404 beyond the last page.
    """
    wanted = request.GET.get("page", "1")
    if not (wanted.isascii() and wanted.isdecimal() and int(wanted[:9]) > 0):
        raise InvalidInputError("page must be a whole number of at least 1.")
    pages = Paginator(rows, size)
    number = int(wanted[:9])
    if number > pages.num_pages:
        raise Http404(f"There is no page {number}.")
    return pages.page(number)
