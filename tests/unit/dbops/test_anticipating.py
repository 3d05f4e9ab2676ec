"""Room for a surge, in one move each way."""

from datetime import UTC, datetime

import pytest

from dbops import anticipating
from dbops.anticipating import Guide, Room
from dbops.prediction import Expected
from dbops.readings import PoolReading
from dbops.sizing import Decision, Limits
from dbops.thresholds import Thresholds

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)


def judged(size, demand, guide, changed_at=None):
    active = min(demand, size)
    reading = PoolReading("simulated", size, active, size - active, demand - active, None, active / size)
    found = anticipating.judge(reading, Thresholds(), Limits(), guide, changed_at=changed_at, now=NOW)
    return found.decision, found.recommended_pool_size, found.reason


def guided(recent, lasting=None, *, room=10, seen=120, predicted_size=0):
    return Guide(recent, recent if lasting is None else lasting, Room(room, room), seen, predicted_size)


def test_a_pool_without_room_for_a_surge_is_given_it_whatever_the_cooldown():
    # 22 and 20 for a surge are 42, so 45; and a step more.
    decision, size, reason = judged(40, 22, guided(22, room=20), changed_at=NOW)
    assert (decision, size) == (Decision.SCALE_UP, 50)
    assert "22.0 connections" in reason
    assert "20.0 more" in reason


def test_a_pool_with_room_is_left_alone():
    assert judged(45, 22, guided(22, room=20))[:2] == (Decision.MAINTAIN, 45)


def test_the_usual_peak_must_not_make_it_grow():
    # 60 at the threshold of 0.8 are 75, more than the 70 with room; and a step more.
    assert judged(70, 50, guided(60))[:2] == (Decision.SCALE_UP, 80)


def test_it_gives_back_in_one_move_what_hours_have_not_needed():
    decision, size, reason = judged(100, 12, guided(12, 30))
    assert (decision, size) == (Decision.SCALE_DOWN, 40)
    assert "30.0 connections were asked for in 120 minutes" in reason


def test_it_does_not_shrink_by_less_than_three_steps():
    assert judged(50, 12, guided(12, 30))[:2] == (Decision.MAINTAIN, 50)
    assert judged(55, 12, guided(12, 30))[:2] == (Decision.SCALE_DOWN, 40)


def test_it_does_not_shrink_above_the_threshold():
    assert judged(100, 31, guided(31))[:2] == (Decision.MAINTAIN, 100)


def test_it_does_not_shrink_below_what_is_predicted():
    assert judged(100, 12, guided(12, predicted_size=70))[:2] == (Decision.SCALE_DOWN, 70)
    assert judged(100, 12, guided(12, predicted_size=90))[:2] == (Decision.MAINTAIN, 100)


def test_it_grows_to_what_is_predicted():
    assert judged(50, 20, guided(20, predicted_size=70))[:2] == (Decision.SCALE_UP, 75)


def test_a_prediction_of_little_makes_nothing_smaller():
    assert judged(50, 20, guided(20, predicted_size=5))[:2] == (Decision.MAINTAIN, 50)


def test_what_was_not_observed_makes_nothing_smaller():
    decision, size, reason = judged(100, 12, guided(12, seen=59))
    assert (decision, size) == (Decision.MAINTAIN, 100)
    assert "59 of the last 120 minutes" in reason


def test_what_is_critical_goes_first():
    assert judged(40, 39, guided(39))[:2] == (Decision.EMERGENCY_SCALE_UP, 100)


def test_before_the_first_hour_the_rules_are_all_there_is():
    assert judged(40, 34, None)[:2] == (Decision.SCALE_UP, 45)
    assert judged(40, 4, None)[:2] == (Decision.SCALE_DOWN, 35)


@pytest.mark.parametrize(
    ("largest", "surging", "hours", "room"),
    [
        (4, 0, 24, Room(16, 16)),
        (4, 5, 24, Room(20, 20)),
        (1, 0, 24, Room(10, 10)),
        (9, 0, 24, Room(25, 25)),
        (4, 0, 23, Room(16, 25)),
        (0, 9, 0, None),
    ],
    ids=["four times the largest", "that of this hour", "a tenth", "a quarter", "not yet a day", "no hour"],
)
def test_room_is_four_times_the_largest_surge(largest, surging, hours, room):
    assert anticipating.room(largest, surging, hours=hours, maximum=100) == room


def test_the_size_for_a_prediction_holds_its_high_end():
    # The high end needs 60; the expected peak, at 0.8 of the pool, 50 or 75.
    sizes = [
        anticipating.size_for_expected(Expected(demand, 0, 57, ""), Thresholds(), Limits())
        for demand in (40, 57)
    ]
    assert sizes == [60, 75]
