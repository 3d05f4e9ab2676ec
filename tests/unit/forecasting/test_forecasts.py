"""A forecast as a whole: what is promised, how it is tested, and when it is refused."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from analytics.forecasting import DAILY, HOURLY, Forecast, Refusal, forecast
from analytics.forecasting.forecasts import mase, smape

NAN = np.nan
WEEK = np.array([100.0, 104, 102, 103, 99, 60, 50])


def noisy(days, *, spread=0.05, seed=5):
    random = np.random.default_rng(seed)
    return np.resize(WEEK, days) * random.lognormal(0, spread, days)


def test_a_week_that_repeats_itself_is_forecast_exactly():
    found = forecast(np.tile(WEEK, 6), seasons=DAILY, horizon=10)
    assert found.expected == pytest.approx(np.resize(WEEK, 10))
    assert (found.high - found.low).max() == pytest.approx(0, abs=1e-6)
    assert (found.measured, found.mase, found.smape) == (1, None, pytest.approx(0, abs=1e-6))


def test_the_weekly_season_of_hours_is_seen_from_three_weeks_on():
    weekly = np.repeat([100.0, 100, 100, 100, 100, 40, 30], 24) * np.tile(np.linspace(0.5, 1.5, 24), 7)
    series = np.tile(weekly, 4)
    three, fewer = series[: 3 * 168 + 96], series[:500]
    assert forecast(three, seasons=HOURLY, horizon=48).expected == pytest.approx(series[600:648])
    assert forecast(fewer, seasons=HOURLY, horizon=48).expected[-24:] != pytest.approx(series[524:548])


def test_the_combination_beats_repeating_the_week_on_a_noisy_one():
    found = forecast(noisy(200), seasons=DAILY, horizon=14)
    # Noise on both sides makes repeating err by 1; the true week would by about 0.7.
    assert found.mase < 0.9


def test_backtest_errors_are_actual_minus_expected_from_each_origin():
    found = forecast(noisy(70), seasons=DAILY, horizon=14)
    # 35 days of room, 9 origins 4 days apart, the newest 4 days before the end.
    assert found.origins == len(found.errors) == 8
    assert (~np.isnan(found.errors)).sum(axis=1).tolist() == [14, 14, 14, 14, 14, 12, 8, 4]
    assert found.mase == pytest.approx(
        np.nanmean(np.abs(found.errors)) / np.abs(np.diff(noisy(70).reshape(-1, 7), axis=0)).mean()
    )


def test_three_unknown_last_days_are_forecast_too_and_left_out():
    values = np.tile(WEEK, 8)
    values[-3:] = NAN
    found = forecast(values, seasons=DAILY, horizon=7)
    assert found.expected == pytest.approx(WEEK)


def test_gaps_change_neither_the_season_nor_the_errors():
    values = np.tile(WEEK, 8)
    values[[9, 30, 31, 44]] = NAN
    found = forecast(values, seasons=DAILY, horizon=7)
    assert found.expected == pytest.approx(WEEK)
    assert found.smape == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ([], "0 of the 28"),
        ([NAN] * 40, "0 of the 28"),
        ([1.0] * 27, "27 of the 28"),
        ([1.0] * 40 + [NAN] * 8, "8 steps old, and 7"),
        ([1.0, NAN, NAN] * 14 + [1.0], "65% of the values are unknown, and 25%"),
    ],
    ids=["none", "all unknown", "too few", "too old", "gaps"],
)
def test_poor_data_is_refused_with_a_reason(values, reason):
    found = forecast(values, seasons=DAILY, horizon=7)
    assert isinstance(found, Refusal)
    assert reason in found.reason


def test_four_weeks_suffice():
    assert isinstance(forecast(noisy(28), seasons=DAILY, horizon=31), Forecast)


@pytest.mark.parametrize(
    "wrong", [{"horizon": 0}, {"seasons": (1,)}, {"coverage": 1.0}], ids=["horizon", "season", "coverage"]
)
def test_senseless_questions_are_an_error(wrong):
    with pytest.raises(ValueError, match="two steps at least"):
        forecast(noisy(40), **({"seasons": DAILY, "horizon": 7} | wrong))


def test_the_same_values_give_the_same_forecast_in_another_currency():
    one, other = (forecast(noisy(60) * rate, seasons=DAILY, horizon=7) for rate in (1.0, 150.0))
    assert other.expected == pytest.approx(150 * one.expected)
    assert other.high == pytest.approx(150 * one.high)
    assert other.measured == one.measured


def test_the_range_holds_about_four_fifths_of_what_comes():
    held, measured = [], []
    for seed in range(30):
        values = noisy(120, seed=seed)
        found = forecast(values[:106], seasons=DAILY, horizon=14)
        held.append(np.mean((found.low <= values[106:]) & (values[106:] <= found.high)))
        measured.append(found.measured)
    assert np.mean(held) == pytest.approx(0.8, abs=0.06)
    assert np.mean(measured) == pytest.approx(0.8, abs=0.03)


@settings(max_examples=40, deadline=None)
@given(
    arrays.arrays(np.float64, st.integers(28, 60), elements=st.floats(-1e9, 1e9) | st.just(NAN)),
    st.integers(1, 40),
)
def test_whatever_comes_in_is_forecast_within_its_range_or_refused(values, horizon):
    found = forecast(values, seasons=DAILY, horizon=horizon)
    if isinstance(found, Refusal):
        return
    assert len(found.expected) == len(found.low) == len(found.high) == horizon
    assert np.isfinite(found.expected).all()
    assert (found.low <= found.expected).all()
    assert (found.expected <= found.high).all()
    assert 0 <= found.measured <= 1
    if np.nanmin(values) >= 0:
        assert found.low.min() >= 0


def test_smape_and_mase_by_hand():
    actual, expected = np.array([10.0, 30, 0, NAN]), np.array([30.0, 10, 0, 5])
    # 200 * 20 / 40 = 100 twice, and nothing for nothing.
    assert smape(actual, expected) == pytest.approx(200 / 3)
    # The history moves by 2 and 4 over a season of two, 3 on average; errors of 20, 20 and 0.
    assert mase(actual, expected, np.array([1.0, 5, 3, 9]), 2) == pytest.approx(40 / 3 / 3)
    assert mase(actual, expected, np.array([1.0, 5, 1, 5]), 2) is None
