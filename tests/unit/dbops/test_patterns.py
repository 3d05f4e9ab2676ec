"""What is usual at which hour."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from dbops import patterns
from dbops.patterns import Hour, Profile

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)


def hour(at, average=0.2, peak=None, samples=60):
    high = average if peak is None else peak
    return Hour(at, samples, 100 * average, 100 * high, average, high)


def day(at, busy=(), average=0.7):
    """A day at 20 %, but for its busy hours."""
    return [hour(at + timedelta(hours=n), average if n in busy else 0.2) for n in range(24)]


def test_nothing_is_usual_before_a_whole_day_was_seen():
    found = patterns.learn(day(MONDAY)[:23], MONDAY + timedelta(days=1))
    assert (found.hourly, found.weekly, found.peak_periods, found.baseline_load) == (None,) * 4
    assert "23 of the 24 hours" in found.reason


def test_an_hour_two_weeks_older_weighs_half():
    now = MONDAY + timedelta(days=15)
    old = day(MONDAY, busy=[9], average=0.9)
    new = day(MONDAY + timedelta(days=14), busy=[9], average=0.3)
    nine = patterns.learn([*old, *new], now).hourly[9]
    assert nine.avg_utilization == pytest.approx((0.5 * 0.9 + 1 * 0.3) / 1.5)
    assert (nine.peak_utilization, nine.samples) == (0.9, 2)


def test_an_hour_seen_for_half_as_long_weighs_half():
    nine = MONDAY + timedelta(hours=9)
    others = [hour(nine - timedelta(hours=n), 0.2) for n in range(1, 24)]
    both = [hour(nine, 0.8, samples=30), hour(nine, 0.2, samples=60)]
    found = patterns.learn([*others, *both], nine + timedelta(hours=1)).hourly[9]
    assert found.avg_utilization == pytest.approx((30 * 0.8 + 60 * 0.2) / 90)


def test_days_of_the_week_are_told_apart():
    hours = [*day(MONDAY, busy=[9]), *day(MONDAY + timedelta(days=1))]
    weekly = patterns.learn(hours, MONDAY + timedelta(days=2)).weekly
    found = {(cell.weekday, cell.hour): cell.peak_utilization for cell in weekly}
    assert (found[0, 9], found[1, 9], len(found)) == (0.7, 0.2, 48)


def test_twice_the_baseline_is_a_peak_period():
    found = patterns.learn(day(MONDAY, busy=[14, 15], average=0.65), MONDAY + timedelta(days=1))
    assert found.baseline_load == 0.2
    assert [(each.hour, each.severity) for each in found.peak_periods] == [(14, "high"), (15, "high")]
    assert patterns.learn(day(MONDAY, busy=[14], average=0.39), MONDAY + timedelta(days=1)).peak_periods == ()


@pytest.mark.parametrize(
    ("average", "peak", "severity"),
    [
        (0.6, 0.7, "high"),
        (0.5, 0.95, "high"),
        (0.4, 0.5, "medium"),
        (0.3, 0.8, "medium"),
        (0.39, 0.79, "low"),
    ],
)
def test_severity_is_of_the_average_or_of_the_peak(average, peak, severity):
    assert patterns.severity(average, peak) == severity


def test_what_is_older_than_eight_weeks_is_forgotten():
    assert patterns.learn(day(MONDAY), MONDAY + timedelta(weeks=8, days=1)).hourly is None


def test_an_hour_of_the_week_counts_once_it_was_seen_twice():
    first = patterns.epoch_hour(MONDAY)
    daily = np.arange(first, first + 24 * 8)
    peaks = np.where((daily - first) % 168 == 9, 50.0, 10.0)
    after_one = Profile(daily[:168], peaks[:168], now=first + 168)
    after_two = Profile(daily, peaks, now=first + 24 * 8)
    assert 10 < after_one.usual(first + 168 + 9) < 20
    assert after_two.usual(first + 336 + 9) == pytest.approx(50)
    assert after_two.usual(first + 336 + 10) == pytest.approx(10)


def test_a_profile_knows_nothing_of_the_hour_it_is_asked_in():
    hours = np.arange(48)
    peaks = np.full(48, 10.0)
    peaks[47] = 90
    assert Profile(hours, peaks, now=47).usual(71) == 10
