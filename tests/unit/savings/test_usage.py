"""What samples with gaps add up to."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.savings import usage
from analytics.savings.usage import measured, percentile, too_short

HOUR = 3600
DAY = 24 * HOUR


def hourly(values, **other):
    times = HOUR * np.arange(len(values))
    given = {"start_s": 0, "days": len(values) // 24, "period_s": HOUR, **other}
    return measured(times, np.array(values, float), **given)


def test_the_percentile_is_the_nearest_rank():
    # Of 200 values the 198th: 0.99 x 200.
    assert percentile(np.arange(1.0, 201.0)) == 198


def test_each_day_has_its_own_percentile_and_mean():
    found = hourly([10] * 24 + [20] * 23 + [80])
    assert found.cpu.daily_p99.tolist() == [10, 80]
    assert found.cpu.daily_mean.tolist() == [10, 22.5]
    # Of 48 values the 48th.
    assert found.cpu.p99 == 80
    assert (found.coverage, found.cpu.days, found.cpu.worst) == (1, 2, 80)


def test_a_day_with_less_than_half_of_its_samples_is_not_known():
    half, less = [10.0] * 12 + [np.nan] * 12, [90.0] * 11 + [np.nan] * 13
    found = hourly([*half, *less])
    assert np.isnan(found.cpu.daily_p99).tolist() == [False, True]
    assert found.cpu.days == 1
    assert found.coverage == pytest.approx(23 / 48)


def test_samples_of_an_unknown_day_count_for_the_whole():
    assert hourly([10.0] * 24 + [90.0] * 11 + [np.nan] * 13).cpu.p99 == 90


def test_missing_negative_and_infinite_values_are_unknown_and_zero_is_zero():
    found = hourly([0.0] * 12 + [np.nan, np.inf, -1.0] * 4)
    assert found.coverage == 0.5
    assert found.cpu.p99 == 0


def test_of_two_samples_of_a_period_the_higher_one_counts():
    times = np.repeat(HOUR * np.arange(24), 2)
    found = measured(times, np.tile([70.0, 30.0], 24), start_s=0, days=1, period_s=HOUR)
    assert (found.cpu.p99, found.coverage) == (70, 1)


def test_what_lies_outside_the_window_is_left_out():
    found = hourly([90.0] * 24 + [10.0] * 24 + [90.0] * 24, start_s=DAY, days=1)
    assert found.cpu.p99 == 10


def test_memory_that_nobody_measured_is_none():
    assert hourly([10.0] * 24).memory is None
    assert hourly([10.0] * 24, memory=np.full(24, np.nan)).memory is None
    assert hourly([10.0] * 24, memory=np.full(24, 60.0)).memory.p99 == 60


def test_without_any_day_there_is_no_usage():
    assert hourly([np.nan] * 48) is None
    assert measured(np.array([]), np.array([]), start_s=0, days=14, period_s=300) is None


def test_less_than_a_week_is_too_short_and_says_so():
    assert "0 days" in too_short(None)
    assert "6 days" in too_short(hourly([10.0] * 24 * 6))
    assert too_short(hourly([10.0] * 24 * 7)) == ""


@settings(max_examples=25)
@given(st.lists(st.floats(0, 100), min_size=48, max_size=48), st.randoms(use_true_random=False))
def test_the_order_of_the_samples_does_not_matter(values, random):
    order = list(range(48))
    random.shuffle(order)
    times, cpu = HOUR * np.array(order), np.array(values)[order]
    one = measured(times, cpu, start_s=0, days=2, period_s=HOUR)
    other = hourly(values)
    assert one.cpu.p99 == other.cpu.p99
    assert one.cpu.daily_p99.tolist() == other.cpu.daily_p99.tolist()


@given(st.lists(st.floats(0, 100), min_size=1, max_size=400))
def test_no_more_than_a_hundredth_lies_above_the_percentile(values):
    found = percentile(np.array(values))
    assert found in values
    assert sum(value > found for value in values) <= (1 - usage.SHARE) * len(values)
