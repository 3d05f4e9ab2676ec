"""When sources are read: after their points can be there, before they are missed, and without gaps."""

from datetime import UTC, datetime, timedelta

import pytest

from scaling import pace

NOON = datetime(2026, 3, 20, 12, tzinfo=UTC)
PERIODS_S = [10, 30, 60, 300]


def at(seconds):
    return NOON + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("period_s", "now_s", "next_s"),
    [
        (300, 149, 150),
        (300, 150, 450),
        (300, 160, 450),
        (60, 149, 150),
        (60, 150, 210),
        (30, 65, 90),
        (10, 65, 90),
    ],
)
def test_the_next_reading_is_when_the_next_period_has_settled(period_s, now_s, next_s):
    assert pace.next_reading(period_s, at(now_s)) == at(next_s)


@pytest.mark.parametrize("period_s", PERIODS_S)
def test_readings_are_due_at_ticks_no_oftener_than_a_source_publishes(period_s):
    now = at(7)
    for _ in range(30):
        following = pace.next_reading(period_s, now)
        assert following.timestamp() % 30 == 0
        assert pace.next_reading(period_s, following) - following == timedelta(seconds=max(period_s, 30))
        now = following + timedelta(seconds=3)


@pytest.mark.parametrize("period_s", PERIODS_S)
def test_windows_overlap_so_that_late_points_are_found(period_s):
    first = pace.window_of([None], period_s, at(7))
    second = pace.window_of([first.end], period_s, pace.next_reading(period_s, at(7)))
    assert first.end < second.end
    assert second.start <= first.end - timedelta(minutes=10)


def test_the_instance_that_is_furthest_behind_says_where_a_window_begins():
    marks = [at(0), at(-7200), None]
    assert pace.window_of(marks, 300, at(155)) == pace.Window(at(-7200 - 600), at(0))


@pytest.mark.parametrize("period_s", PERIODS_S)
def test_no_window_holds_more_points_than_one_answer(period_s):
    window = pace.window_of([at(-30 * 86_400)], period_s, at(123))
    assert 500 * (window.end - window.start) / timedelta(seconds=period_s) <= 100_800
    assert window.start.timestamp() % max(period_s, 60) == 0


def test_what_is_late_is_asked_for_again_before_samples_are_stale():
    """What was the newest began two periods before the end of the window, and is stale in three minutes."""
    window = pace.window_of([None], 300, at(155))
    assert pace.second_try(300, window) == at(180)
