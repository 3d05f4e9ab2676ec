"""Ranges, and the coverage told beside them."""

import numpy as np
import pytest

from analytics.forecasting import conformal

NAN = np.nan


def test_the_range_is_the_usual_error_times_the_multiple_that_held():
    errors = np.array([[1.0], [-2], [3], [-6]])
    # The other three erred by 11/3, 10/3, 3 and 2 on average; the errors are 3/11, 0.6, 1 and 3 times that.
    # Half of these are below 1, and all four erred by 3 on average.
    found = conformal.width(errors, 0.5)
    assert found.half.tolist() == pytest.approx([1 * 3])


def test_errors_that_grow_with_the_distance_make_ranges_that_do():
    grown = np.array([[1.0], [1.2], [0.8], [1.1]]) * np.repeat([1.0, 10.0], 10)
    half = conformal.width(grown, 0.8).half
    assert half[15] == pytest.approx(10 * half[4])


def test_a_distance_that_no_origin_reached_has_a_range_that_grows_as_its_root():
    errors = np.full((4, 16), NAN)
    errors[:, :4] = np.array([[1.0], [-1], [1], [-1]])
    # The average of near steps reaches two more.
    assert conformal.width(errors, 0.8).half.tolist() == pytest.approx(
        [1] * 6 + [np.sqrt(step / 6) for step in range(7, 17)]
    )


def test_measured_coverage_tells_of_an_origin_unlike_the_others():
    errors = np.ones((4, 10))
    errors[3] = 100
    # The first three are less than usual, given the fourth; that one is beyond what the others know.
    assert conformal.width(errors, 0.8).measured == pytest.approx(0.75)


def test_an_error_where_none_was_before_makes_a_finite_range():
    errors = np.zeros((4, 10))
    errors[:3, 7] = 1
    found = conformal.width(errors, 0.95)
    assert np.isfinite(found.half).all()
    assert found.half[7] > 1


def test_a_forecast_that_never_erred_has_no_width():
    found = conformal.width(np.zeros((3, 5)), 0.8)
    assert (found.half.tolist(), found.measured) == ([0] * 5, 1)


@pytest.mark.parametrize("share", [0.5, 0.8, 0.95])
def test_ranges_hold_the_share_asked_for_of_new_errors(share):
    random = np.random.default_rng(11)
    size = 1 + np.arange(24) / 12
    held, measured = [], []
    for _ in range(60):
        drawn = random.laplace(size=(10, 24)) * size
        found = conformal.width(drawn[:9], share)
        held.append(np.mean(np.abs(drawn[9]) <= found.half))
        measured.append(found.measured)
    assert np.mean(held) == pytest.approx(share, abs=0.03)
    assert np.mean(measured) == pytest.approx(share, abs=0.03)
