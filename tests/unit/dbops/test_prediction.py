"""The next hour's peak."""

import math

import numpy as np
import pytest

from dbops import prediction
from dbops.patterns import Profile
from dbops.prediction import Settled


def profile(peaks, now=None):
    values = np.array(peaks, float)
    return Profile(np.arange(len(values)), values, now=len(values) if now is None else now)


def settled(ratio, count=100):
    """Predictions of 9 connections that came out at a multiple of the (9 + 1)."""
    return [Settled(9.0, 5.0, 15.0, 10 * ratio - 1)] * count


def test_the_last_peak_moves_by_half_of_what_the_profile_does():
    night_and_day = [9.0] * 12 + [39.0] * 12
    found = prediction.expect(profile(night_and_day * 3), 9.0, hour=72 + 12, minute=59, settled=[])
    # With one more each, the profile goes from 10 to 40; threefold is the most that counts, and half of that,
    # as ratios go, is its root.
    assert found.demand == pytest.approx(10 * math.sqrt(3) - 1)


def test_a_flat_profile_expects_what_was_last():
    assert prediction.expect(
        profile([20.0] * 48), 31.0, hour=48, minute=45, settled=[]
    ).demand == pytest.approx(31)


def test_the_range_comes_from_own_errors():
    mixed = [*settled(0.5, 5), *settled(1.0, 90), *settled(2.0, 5)]
    # The 96th of 100: ceil(101 * 0.95), and the same from below.
    assert prediction.ratios(mixed) == (0.5, 2.0)
    assert prediction.ratios([*settled(0.5, 4), *settled(1.0, 92), *settled(2.0, 4)]) == (1.0, 1.0)


def test_before_a_day_of_errors_the_range_is_wide():
    assert prediction.ratios(settled(1.0, 23)) == (0.5, 2.0)
    assert prediction.ratios(settled(1.0, 24)) == (1.0, 1.0)


def test_confidence_is_how_often_the_range_held():
    kept, missed = Settled(10, 5, 15, 12), Settled(10, 5, 15, 16)
    found = prediction.confidence([*[kept] * 18, *[missed] * 6])
    assert (found.share, found.settled) == (0.75, 24)
    assert "18 of 24" in found.reason


def test_confidence_is_unknown_before_24_are_over():
    found = prediction.confidence([Settled(10, 5, 15, 12)] * 23)
    assert found.share is None
    assert "23 of the 24" in found.reason


def test_nothing_is_predicted_from_less_than_a_day():
    assert "23 of the 24" in prediction.too_early(profile([1.0] * 23))
    assert prediction.too_early(profile([1.0] * 24)) == ""


def test_the_range_holds_about_nine_of_ten_peaks_of_a_noisy_day():
    random = np.random.default_rng(7)
    count = 24 * 60
    usual = 30 + 20 * np.sin(np.arange(count) * 2 * np.pi / 24)
    peaks = usual * random.lognormal(0, 0.2, count)
    done = []
    for hour in range(48, count):
        known = profile(peaks[:hour], now=hour)
        found = prediction.expect(known, peaks[hour - 1], hour=hour, minute=59, settled=done[-672:])
        done.append(Settled(found.demand, found.low, found.high, peaks[hour]))
    assert prediction.confidence(done[-672:]).share == pytest.approx(0.90, abs=0.03)
