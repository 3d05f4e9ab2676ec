"""Each way of forecasting, on series whose continuation is known."""

import numpy as np
import pytest

from analytics.forecasting.methods import Seasons
from analytics.forecasting.selection import METHODS

DAY = np.array([3.0, 5.0, 9.0, 4.0])
WEEK: Seasons = (4, 12)


def at(*origins):
    return np.array(origins)


def test_seasonal_naive_repeats_the_last_season():
    found = METHODS["seasonal naive"](np.arange(1.0, 13), (4,), at(8, 12), 6)
    assert found.tolist() == [[5, 6, 7, 8, 5, 6], [9, 10, 11, 12, 9, 10]]


def test_longer_seasonal_naive_repeats_the_last_long_season():
    found = METHODS["longer seasonal naive"](np.arange(24.0), WEEK, at(24), 3)
    assert found.tolist() == [[12, 13, 14]]


def test_drift_goes_on_as_the_seasons_have_risen_on_average():
    # The season rises by 8 every 4 steps, which is 2 a step.
    rising = np.tile(DAY, 4) + 8 * np.repeat(np.arange(4), 4)
    found = METHODS["drift"](rising, (4,), at(12, 16), 6)
    assert found[0].tolist() == pytest.approx([27, 29, 33, 28, 35, 37])
    assert found[1].tolist() == pytest.approx([35, 37, 41, 36, 43, 45])


def test_robust_regression_follows_line_season_and_weekday_past_an_outlier():
    steps = np.arange(84)
    whole = 10 + 0.5 * steps + np.tile(DAY, 21) + np.array([0.0, 6.0, -4.0])[steps % 12 // 4]
    spoilt = whole.copy()
    spoilt[30] += 500
    found = METHODS["robust regression"](spoilt[:72], WEEK, at(60, 72), 12)
    assert found == pytest.approx(np.array([whole[60:72], whole[72:84]]), abs=0.5)


def test_ridge_autoregression_continues_a_wave_of_no_whole_season():
    wave = 50 + 10 * np.sin(np.arange(220) * 2 * np.pi / 5.5)
    found = METHODS["ridge autoregression"](wave[:200], (7,), at(150, 200), 20)
    assert found == pytest.approx(np.array([wave[150:170], wave[200:220]]), abs=0.5)


def test_smoothing_follows_two_seasons():
    steps = np.arange(132)
    whole = 100 + np.tile(DAY, 33) + np.array([0.0, 6.0, -4.0])[steps % 12 // 4]
    found = METHODS["exponential smoothing"](whole[:120], WEEK, at(120), 12)
    assert found[0] == pytest.approx(whole[120:], abs=0.2)


def test_smoothing_follows_a_new_level_within_days():
    level = np.repeat([10.0, 40.0], [70, 28])
    found = METHODS["exponential smoothing"](level + np.tile(DAY, 25)[:98], (4,), at(98), 4)
    assert found[0] == pytest.approx(40 + DAY[[2, 3, 0, 1]], abs=1)


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("seasons", [(4,), WEEK], ids=["one season", "two"])
def test_nothing_after_an_origin_is_seen(name, seasons):
    random = np.random.default_rng(3)
    work = 20 + np.tile(DAY, 15) + random.normal(size=60)
    other = np.concatenate([work[:40], random.normal(size=20)])
    known, same = (METHODS[name](values, seasons, at(30, 40, 60), 9) for values in (work, other))
    assert known[:2].tolist() == same[:2].tolist()
    assert METHODS[name](work[:40], seasons, at(30, 40), 9) == pytest.approx(known[:2], abs=1e-6)


@pytest.mark.parametrize("name", METHODS)
def test_a_constant_stays_constant(name):
    assert METHODS[name](np.full(60, 7.0), WEEK, at(30, 60), 5) == pytest.approx(
        np.full((2, 5), 7.0), abs=1e-6
    )
