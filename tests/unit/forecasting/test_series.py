"""What is unknown, and in which scale a series is forecast."""

import numpy as np
import pytest

from analytics.forecasting import in_steps
from analytics.forecasting.series import MOST_VALUES, Series

NAN = np.nan


def test_a_gap_takes_the_value_of_a_season_before_and_stays_unknown():
    series = Series.of(np.array([10.0, 20, 11, NAN, 12, NAN]), 2)
    assert series.back(series.work).tolist() == pytest.approx([10, 20, 11, 20, 12])
    assert series.known.tolist() == [True, True, True, False, True]
    assert (series.late, series.missing) == (1, pytest.approx(0.2))


def test_a_gap_at_the_beginning_takes_the_value_of_a_season_after():
    series = Series.of(np.array([10.0, NAN, 11, 20, 12, 21]), 2)
    assert series.back(series.work).tolist() == pytest.approx([10, 20, 11, 20, 12, 21])


def test_infinite_values_are_unknown():
    assert Series.of(np.array([1.0, np.inf, 2.0]), 2).known.tolist() == [True, False, True]


def test_unknown_values_are_nothing_to_compare_with():
    series = Series.of(np.array([10.0, 20, 11, NAN, 12]), 2)
    ahead = series.ahead(np.array([2, 4]), 2, work=False)
    assert ahead == pytest.approx(np.array([[11, NAN], [12, NAN]]), nan_ok=True)


@pytest.mark.parametrize(
    ("values", "is_log"),
    [([1, 2, 3], True), ([0, 2, 3], False), ([-1, 2, 3], False), ([0.01, 2, 3], False)],
    ids=["positive", "zero", "negative", "nearly zero"],
)
def test_logs_are_taken_of_values_well_above_zero_only(values, is_log):
    assert Series.of(np.array(values, float), 2).is_log is is_log


def test_loads_do_not_become_negative_and_credits_may():
    assert Series.of(np.array([0.0, 1, 2]), 2).back(np.array([-1.0])).tolist() == [0]
    assert Series.of(np.array([-1.0, 1, 2]), 2).back(np.array([-3.0])).tolist() == [-3]


def test_the_oldest_values_are_left_out():
    series = Series.of(np.arange(1.0, MOST_VALUES + 11), 24)
    assert (len(series), series.values[0]) == (MOST_VALUES, 11)


def test_moments_in_any_order_become_steps_and_the_last_of_a_step_counts():
    found = in_steps([7200, 0, 10_800, 7260], [3.0, 1.0, 4.0, 5.0], 3600)
    assert found == pytest.approx([1, NAN, 5, 4], nan_ok=True)
    assert len(in_steps([], [], 3600)) == 0
