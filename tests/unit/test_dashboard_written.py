"""How values are written on pages."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from dashboard import charts, written
from dashboard.charts import Chart, Series


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (1234, "1,234"), (1234.5, "1,234.50"), (-2, "\N{MINUS SIGN}2"), (Decimal("0.1"), "0.10")],
)
def test_numbers(value, text):
    assert written.number(value) == text


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        (Decimal("1234.5"), "USD", "$1,234.50"),
        (Decimal("-3"), "EUR", "\N{MINUS SIGN}€3.00"),
        (Decimal("1234.5"), "JPY", "1,234.50 JPY"),
        (Decimal("0.004"), "USD", "$0.0040"),
        (Decimal(0), "USD", "$0.00"),
    ],
)
def test_money(amount, currency, text):
    assert written.money(amount, currency) == text


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0 B"), (1023, "1,023 B"), (1536, "1.5 KiB"), (5 * 1024**3, "5.0 GiB")]
)
def test_sizes(size, text):
    assert written.size(size) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.25, "250 ms"),
        (4.25, "4.2 s"),
        (60, "1 min"),
        (4000, "1 h 6 min"),
        (3601, "1 h"),
        (90_000, "1 d 1 h"),
        (timedelta(minutes=2, seconds=3), "2 min 3 s"),
    ],
)
def test_durations(seconds, text):
    assert written.duration(seconds) == text


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [(2, "USD", "$2.00"), (2048, "B", "2.0 KiB"), (42.25, "%", "42.2 %"), (3, "", "3.0")],
)
def test_figures_of_charts(value, unit, text):
    assert written.in_unit(value, unit, 1) == text


def chart(at, **values):
    return Chart(id="x", title="X", at=at, series=[Series(label, each) for label, each in values.items()])


def test_a_chart_draws_days_from_midnight_utc():
    drawn = chart([date(2026, 3, 1)], cost=[Decimal("1.5")]).drawn
    assert drawn["daily"]
    assert drawn["at"] == [datetime(2026, 3, 1, tzinfo=UTC).timestamp()]
    assert drawn["series"][0]["values"] == [1.5]


@pytest.mark.parametrize(("low", "high", "told"), [(0.3, 0.46, "0.300 to 0.460"), (0.0, 0.0, "0")])
def test_a_range_has_the_digits_that_tell_its_ends_apart(low, high, told):
    assert written.span(low, high) == told


def test_a_chart_has_gaps_where_nothing_is_known():
    assert chart([date(2026, 3, 1)], cost=[None]).drawn["series"][0]["values"] == [None]


def test_a_chart_needs_a_figure_for_each_moment():
    with pytest.raises(ValueError, match="for each moment"):
        chart([date(2026, 3, 1)], cost=[])


def test_the_table_begins_with_the_latest(monkeypatch):
    monkeypatch.setattr(charts, "MOST_TABLE_ROWS", 2)
    days = [date(2026, 3, day) for day in (1, 2, 3)]
    found = chart(days, cost=[1, 2, 3])
    assert [(at, [value for _, value in cells]) for at, cells in found.rows] == [
        (days[2], [3]),
        (days[1], [2]),
    ]
    assert found.left_out == 1
