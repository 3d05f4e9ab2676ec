"""Deadlines at 05:00 in New York, on days that clocks change too, and the rule that they are judged by."""

from datetime import UTC, date, datetime, timedelta

import pytest

from pipelines import freshness
from pipelines.freshness import Collection

DEADLINE = datetime(2026, 3, 2, 10, tzinfo=UTC)
SLOT = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


def collection(began_at, minutes=10):
    return Collection(began_at, began_at + timedelta(minutes=minutes))


@pytest.mark.parametrize(
    ("day", "hour"),
    [
        (date(2026, 3, 6), 10),
        (date(2026, 3, 7), 9),  # clocks are put forward on the 8th
        (date(2026, 10, 30), 9),
        (date(2026, 10, 31), 10),  # and back on the 1st
    ],
)
def test_a_day_is_promised_by_five_in_new_york(day, hour):
    deadline = freshness.deadline_of(day)
    assert (deadline.date(), deadline.hour) == (day + timedelta(days=1), hour)


@pytest.mark.parametrize(
    ("deadline", "hours"),
    [
        (datetime(2026, 3, 8, 9, tzinfo=UTC), 23),
        (datetime(2026, 11, 1, 10, tzinfo=UTC), 25),
        (datetime(2026, 3, 4, 10, tzinfo=UTC), 24),
    ],
    ids=["forward", "back", "usual"],
)
def test_deadlines_are_a_day_of_new_york_apart(deadline, hours):
    assert deadline - freshness.before(deadline) == timedelta(hours=hours)


def test_data_of_this_period_are_fresh():
    found = freshness.judge(DEADLINE, [collection(SLOT)], SLOT)
    assert (found.fresh, found.reason) == (True, "")
    assert found.last_success_at == SLOT + timedelta(minutes=10)


def test_data_that_were_begun_for_the_deadline_before_are_not():
    old = collection(DEADLINE - timedelta(days=1, minutes=1), minutes=30)
    found = freshness.judge(DEADLINE, [old], SLOT)
    assert found.fresh is False
    assert "due at 2026-03-02 09:30 UTC" in found.reason
    assert "The last data arrived at 2026-03-01 10:29 UTC." in found.reason


def test_what_was_not_due_is_unknown():
    found = freshness.judge(DEADLINE, [], None, "disabled")
    assert (found.fresh, found.reason) == (None, "disabled")


def test_data_that_come_late_make_fresh_but_keep_no_deadline():
    late = [collection(SLOT, minutes=31)]
    assert freshness.judge(DEADLINE, late, SLOT).fresh is True
    assert not freshness.is_kept(DEADLINE, late)
    assert freshness.is_kept(DEADLINE, [collection(SLOT, minutes=30)])
