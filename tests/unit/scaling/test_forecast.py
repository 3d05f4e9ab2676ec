"""How likely the next minutes are to be more than a size carries: what is learned, and from when on."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scaling.forecast import LEAST_MINUTES, Forecaster

DAY = 24 * 60
CARRIED = np.array([1.0, 2.0, 4.0, 8.0])


def learned(demand, *, start=0, carried=CARRIED):
    """A forecaster that saw one series."""
    forecaster = Forecaster(carried, 1)
    for minute, value in enumerate(demand, start):
        forecaster.observe(minute, np.array([value], float))
    return forecaster


def test_a_load_that_stays_is_expected_to_stay():
    over = learned([3.0] * 600).over()[0]
    assert over[1] > 0.95  # 2 carry less than 3
    assert over[2] < 0.05  # 4 carry it


def test_a_request_more_in_an_idle_minute_is_no_surge_whatever_the_units():
    """An instance that is busy for 0.2 or 1.4 %, counted as one, and as 512."""
    idle = np.tile([0.002, 0.002, 0.002, 0.002, 0.014, 0.014, 0.002], 300)
    whole, parts = Forecaster(CARRIED, 1), Forecaster(512 * CARRIED, 1, unit=512)
    for minute, value in enumerate([*idle, 0.5, 0.5]):
        whole.observe(minute, np.array([value]))
        parts.observe(minute, np.array([512 * value]))
    assert parts.over()[0] == pytest.approx(whole.over()[0])


def test_a_load_that_comes_each_day_at_noon_is_seen_to_come():
    """It is 11:00, and 6 units were asked for from 12 to 13 o'clock on both days before."""
    day = np.full(DAY, 0.5)
    day[12 * 60 : 13 * 60] = 6.0
    forecaster = learned([*np.tile(day, 2), *day[: 11 * 60]])
    assert [forecaster.ahead(minutes)[0][2] > 0.3 for minutes in (30, 61, 119, 121)] == [0, 1, 1, 0]
    assert forecaster.expected(30, 0.9).tolist() == [1.0]
    assert forecaster.expected(61, 0.9).tolist() == [8.0]


def test_more_than_any_size_carries_is_expected_to_be_infinite():
    assert learned([20.0] * 200).expected(4, 0.5).tolist() == [np.inf]


def test_a_load_that_rises_is_seen_to_rise_further():
    """Ramps of 18 minutes from 1 to 7.7, each hour: at 1.76 on the way up, 2 are soon too few."""
    ramp = [1.12**step for step in range(19)]
    cycle = [*[1.0] * 41, *ramp]
    rising = learned([*cycle * 15, *[1.0] * 41, *ramp[:6]])
    staying = learned([*cycle * 15, *[1.0] * 30])
    assert rising.ahead(4)[0][1] > staying.ahead(4)[0][1] + 0.2


def test_nothing_is_foreseen_before_an_hour():
    forecaster = learned([3.0] * (LEAST_MINUTES - 1))
    assert forecaster.too_early.tolist() == [True]
    forecaster.observe(LEAST_MINUTES, np.array([3.0]))
    assert forecaster.too_early.tolist() == [False]


def test_what_was_never_observed_cannot_be_asked_for():
    with pytest.raises(ValueError, match="nothing was observed"):
        Forecaster(CARRIED, 1).over()


def test_a_minute_counts_once():
    forecaster = learned([3.0] * 5)
    with pytest.raises(ValueError, match="minute 4 is not later than 4"):
        forecaster.observe(4, np.array([3.0]))


def test_unknown_minutes_teach_nothing():
    """With an hour of NaN, or the same hour left out, the forecast is what it was."""
    before = learned([3.0] * 600)
    with_nan, with_gap = learned([*[3.0] * 600, *[np.nan] * 60, 3.0]), learned([3.0] * 600)
    with_gap.observe(660, np.array([3.0]))
    assert with_nan.minutes.tolist() == with_gap.minutes.tolist() == [601]
    assert with_nan.over() == pytest.approx(with_gap.over())
    assert with_nan.over() == pytest.approx(before.over(), abs=0.01)


def test_an_hour_with_nothing_known_goes_by_what_was_known_before():
    over = learned([*[3.0] * 600, *[np.nan] * 60]).over()[0]
    assert over[1] > 0.9
    assert over[2] < 0.1


def test_a_load_of_nothing_needs_nothing():
    assert learned([0.0] * 300).over()[0].max() < 0.02


def test_series_do_not_learn_from_each_other():
    one, other = np.full(300, 3.0), np.linspace(0.1, 7, 300)
    both = Forecaster(CARRIED, 2)
    for minute in range(300):
        both.observe(minute, np.array([one[minute], other[minute]]))
    assert both.over()[0] == pytest.approx(learned(one).over()[0])
    assert both.over()[1] == pytest.approx(learned(other).over()[0])


loads = st.lists(st.one_of(st.floats(0, 50), st.just(float("nan"))), min_size=1, max_size=40)


@settings(max_examples=25)
@given(demand=loads)
def test_probabilities_are_probabilities_and_a_larger_size_is_never_worse(demand):
    forecaster = learned(demand)
    over = forecaster.over()[0]
    assert ((over >= -1e-9) & (over <= 1 + 1e-9)).all()
    assert (np.diff(over) <= 1e-9).all()
    assert forecaster.weights.sum() == pytest.approx(1)
