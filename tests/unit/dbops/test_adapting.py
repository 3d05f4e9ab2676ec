"""Thresholds that move with the load."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbops import adapting
from dbops.patterns import Hour
from dbops.thresholds import Thresholds

START = datetime(2026, 3, 2, tzinfo=UTC)


def hours(count=48, peak=40.0, surge=10.0):
    return [Hour(START + timedelta(hours=n), 60, peak / 2, peak, 0.2, 0.4, surge) for n in range(count)]


def test_a_load_that_leaps_by_a_quarter_of_its_peak_has_the_defaults():
    # 40 / (40 + 10) = 0.8; 0.8 - 0.5 = 0.3; 1 - 0.2 / 4 = 0.95
    assert adapting.of_load(40, 10) == Thresholds() == Thresholds(0.8, 0.3, 0.95)


@pytest.mark.parametrize(
    ("level", "surge", "expected"),
    [
        (40, 15, Thresholds(0.73, 0.23, 0.93)),
        (40, 40, Thresholds(0.7, 0.2, 0.93)),
        (40, 6, Thresholds(0.87, 0.37, 0.97)),
        (40, 0, Thresholds(0.9, 0.4, 0.97)),
    ],
    ids=["leaps", "leaps more than the bounds allow", "is smooth", "does not move"],
)
def test_the_pool_grows_earlier_the_more_a_load_leaps(level, surge, expected):
    assert adapting.of_load(level, surge) == expected


@given(level=st.floats(0, 1e4), surge=st.floats(0, 1e4), flapped=st.integers(0, 50))
def test_thresholds_stay_within_their_bounds_and_apart(level, surge, flapped):
    found = adapting.of_load(level, surge, flapped=flapped)
    assert 0.70 <= found.scale_up <= 0.90
    assert 0.20 <= found.scale_down <= 0.40
    assert 0.90 <= found.critical <= 0.98
    assert found.scale_down + 0.4 <= found.scale_up <= found.critical - 0.05


def test_why_they_moved_is_said_in_figures():
    found = adapting.adapt(hours(surge=20.0), Thresholds(), flapped=0)
    assert found.thresholds == Thresholds(0.7, 0.2, 0.93)
    assert "48 hours" in found.reason
    assert "20.0 connections" in found.reason
    assert "40.0" in found.reason
    assert "67%" in found.reason


def test_a_move_of_two_points_is_not_made():
    near = hours(surge=8.8)  # 40 / 48.8 = 0.82
    assert adapting.adapt(near, Thresholds(), flapped=0) is None
    assert adapting.adapt(near, Thresholds(0.85, 0.35, 0.96), flapped=0).thresholds.scale_up == 0.82


def test_they_do_not_move_before_a_day_was_seen():
    assert adapting.adapt(hours(count=23, surge=40.0), Thresholds(), flapped=0) is None


def test_a_pool_that_grows_again_soon_after_shrinking_shrinks_later():
    flaps = [(START + timedelta(minutes=30 * n), -5 if n % 2 == 0 else 5) for n in range(6)]
    assert adapting.flaps(flaps) == 3
    slow = [(START + timedelta(hours=2 * n), -5 if n % 2 == 0 else 5) for n in range(6)]
    assert adapting.flaps(slow) == 0
    found = adapting.adapt(hours(), Thresholds(), flapped=3)
    assert found.thresholds == Thresholds(0.8, 0.25, 0.95)
    assert "3 times" in found.reason
