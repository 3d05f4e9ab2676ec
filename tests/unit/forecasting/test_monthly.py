"""What a month will have cost."""

from datetime import date, timedelta
from decimal import Decimal

import numpy as np
import pytest

from analytics.costs import CostDay
from analytics.forecasting import Refusal, month_end
from analytics.forecasting.forecasts import Forecast
from analytics.forecasting.monthly import _range

WEEK = [100, 100, 100, 100, 100, 50, 40]
FIRST = date(2026, 3, 2)  # a Monday


def cost(day):
    return Decimal(WEEK[(day - FIRST).days % 7])


def finals(through, leave_out=()):
    """A cost a day that repeats its week, from March on."""
    days = [FIRST + timedelta(n) for n in range((through - FIRST).days + 1)]
    return [CostDay(day, cost(day)) for day in days if day not in leave_out]


def month(first, last):
    return sum(cost(first + timedelta(n)) for n in range((last - first).days + 1))


APRIL = month(date(2026, 4, 1), date(2026, 4, 30))


def test_the_days_that_are_left_are_added_to_those_that_are_final():
    found = month_end(finals(date(2026, 4, 9)), date(2026, 4, 10))
    # Wednesday 1 to Thursday 9: 100 * 3 + 50 + 40 + 100 * 4.
    assert found.actual == 790
    assert (found.final_through, found.days_ahead, found.days_filled) == (date(2026, 4, 9), 21, 0)
    assert found.expected == pytest.approx(APRIL)
    assert found.low == pytest.approx(found.high)


def test_estimated_days_and_today_are_forecast_instead_of_believed():
    days = finals(date(2026, 4, 9))
    days += [CostDay(date(2026, 4, 10), Decimal(3), estimated=True), CostDay(date(2026, 4, 11), Decimal(1))]
    found = month_end(days, date(2026, 4, 11))
    assert (found.actual, found.final_through, found.days_ahead) == (790, date(2026, 4, 9), 21)
    assert found.expected == pytest.approx(APRIL)


def test_on_the_first_all_days_are_ahead_and_none_of_the_month_before_counts():
    found = month_end(finals(date(2026, 4, 28)), date(2026, 5, 1))
    assert (found.actual, found.days_ahead) == (0, 31)
    assert found.expected == pytest.approx(month(date(2026, 5, 1), date(2026, 5, 31)))


def test_a_missing_day_is_taken_as_a_week_before_and_told():
    found = month_end(finals(date(2026, 4, 9), leave_out=[date(2026, 4, 4)]), date(2026, 4, 10))
    assert (found.actual, found.days_filled) == (740, 1)
    assert found.expected == pytest.approx(APRIL)


def test_on_the_last_of_a_month_only_today_is_ahead():
    found = month_end(finals(date(2026, 4, 29)), date(2026, 4, 30))
    assert (found.actual, found.days_ahead) == (APRIL - 100, 1)
    assert found.expected == pytest.approx(APRIL)


def test_services_of_a_day_are_added_up_and_one_estimate_makes_the_day_one():
    days = finals(date(2026, 4, 9))
    halves = [CostDay(day.date, day.amount / 2) for day in days for _ in range(2)]
    assert month_end(halves, date(2026, 4, 10)).actual == 790
    halves.append(CostDay(date(2026, 4, 9), Decimal(0), estimated=True))
    assert month_end(halves, date(2026, 4, 10)).actual == 690


@pytest.mark.parametrize(
    ("days", "today", "reason"),
    [
        ([], date(2026, 4, 10), "No day's cost is final"),
        (finals(date(2026, 3, 20)), date(2026, 3, 21), "19 of the 28"),
        (finals(date(2026, 4, 9)), date(2026, 4, 18), "final through 2026-04-09 only"),
    ],
    ids=["none", "too few", "too old"],
)
def test_without_enough_final_days_nothing_is_said(days, today, reason):
    found = month_end(days, today)
    assert isinstance(found, Refusal)
    assert reason in found.reason


def test_credits_may_make_a_month_negative():
    days = [CostDay(day.date, day.amount - 200) for day in finals(date(2026, 4, 9))]
    assert month_end(days, date(2026, 4, 10)).expected == pytest.approx(APRIL - 200 * 30)


def test_the_range_of_a_sum_comes_from_sums():
    errors = np.full((4, 4), np.nan)
    errors[0], errors[1], errors[2, :4], errors[3, :1] = 1, -2, [3, -3, 3, -3], 4
    values = np.zeros(4)
    found = Forecast(values, values, values, "drift", 0.8, 0.8, None, 0, 4, errors)
    # Averages over the days: 1, 2, 0, and 4 over one day of four, which counts twice. Of four, the fourth;
    # each of the others is within the largest of the rest, and the largest is not.
    assert _range(found, 0.8) == (4 * 8, 0.75)


def test_the_range_holds_about_four_fifths_of_months():
    random = np.random.default_rng(2)
    held = 0
    for _ in range(40):
        level = np.exp(np.cumsum(random.normal(0, 0.01, 91)))
        amounts = np.resize(WEEK, 91) * level * random.lognormal(0, 0.03, 91)
        days = [CostDay(FIRST + timedelta(n), Decimal(round(amounts[n], 2))) for n in range(70)]
        found = month_end(days, date(2026, 5, 11))
        held += found.low <= Decimal(amounts[60:91].sum()) <= found.high
    assert 28 <= held <= 38
