"""What days of cost add up to."""

from datetime import date
from decimal import Decimal

import pytest

from analytics.costs import CostDay, average, summarise


def day(number, amount, *, estimated=False):
    return CostDay(date(2026, 3, number), Decimal(amount), estimated)


def test_adds_up_all_days_and_divides_by_their_number():
    summary = summarise([day(1, "10"), day(2, "20.50"), day(4, "-0.5")])
    assert (summary.total, summary.average, summary.days) == (Decimal("30.00"), Decimal(10), 3)


def test_adds_without_rounding_however_far_apart_the_amounts_are():
    summary = summarise([day(1, "12345678901234567890.123456789"), day(2, "0.00000000000000000008072")])
    assert str(summary.total) == "12345678901234567890.12345678900000000008072"


def test_finds_the_highest_and_the_lowest_day_among_the_final_ones():
    days = [
        day(1, "2"),
        day(2, "-3"),
        day(3, "7"),
        day(4, "-99", estimated=True),
        day(5, "99", estimated=True),
    ]
    summary = summarise(days)
    assert (summary.highest, summary.lowest) == (days[2], days[1])


def test_of_equal_days_the_first_is_told():
    summary = summarise([day(2, "5"), day(1, "5"), day(3, "5")])
    assert summary.highest == summary.lowest == day(1, "5")


def test_days_that_are_all_estimated_have_a_total_but_no_extremes():
    summary = summarise([day(1, "5", estimated=True)])
    assert (summary.total, summary.highest, summary.lowest) == (Decimal(5), None, None)


def test_no_days_are_unknown_not_free():
    summary = summarise([])
    assert (summary.total, summary.average, summary.days) == (None, None, 0)


@pytest.mark.parametrize(
    ("total", "count", "expected"),
    [
        ("10", 4, "2.5"),
        ("10", 3, "3.333333333333333333333333333"),
        ("-1", 8, "-0.125"),
        ("3000", 30, "100"),
        ("0.0000008072", 2, "4.036E-7"),
        ("0", 7, "0"),
        ("12345678901234567890.123456789", 1, "12345678901234567890.123456789"),
    ],
)
def test_an_average_keeps_28_digits_or_those_of_the_total(total, count, expected):
    assert str(average(Decimal(total), count)) == expected
