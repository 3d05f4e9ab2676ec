"""What a policy would have done with stored load, and at what cost."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from scaling.lookback import History, loads, look_back, usual
from scaling.playing import Predictive, ThreeTiers
from scaling.steering import AHEAD, GROUP, Policy

NINE = datetime(2026, 3, 2, 9, tzinfo=UTC)


def history(cpu, *, units=10, period_s=60, skip=()):
    at = [number for number in range(len(cpu)) if number not in skip]
    times_s = int(NINE.timestamp()) + period_s * np.array(at)
    return History(times_s, np.array(cpu, float)[at], np.full(len(at), float(units)), period_s)


def looked_back(past, player=None, *, since=0, minutes=120):
    begins, until = (NINE + timedelta(minutes=number) for number in (since, minutes))
    return look_back(past, player or Predictive(70.0, AHEAD, GROUP), since=begins, until=until)


def test_demand_is_the_busy_share_of_the_units_that_there_were():
    played, units = loads(history([50, 80], units=4))
    assert played.demand[:, 0].tolist() == pytest.approx([2.0, 3.2])
    assert units.tolist() == [4, 4]
    assert played.start == NINE.timestamp() / 60


def test_a_sample_of_five_minutes_stands_for_each_of_them():
    played, _ = loads(history([50, 80, 20], period_s=300, skip=(1,)))
    known = played.demand[:, 0]
    assert known[[0, 4, 10, 14]].tolist() == pytest.approx([5, 5, 2, 2])
    assert np.isnan(known[5:10]).all()


def test_an_idle_week_says_what_would_have_been_saved():
    """At 20 % of ten units (2 of 100 %) for two hours; there were 20 unit-hours."""
    found = looked_back(history([20.0] * 120))
    assert (found.coverage, found.was.instance_hours) == (1, pytest.approx(20))
    assert found.outcome.instance_hours < 20
    assert found.outcome.minutes_above == 0
    assert found.changes[-1].after < 10
    assert NINE < found.changes[0].at < NINE + timedelta(hours=2)


def test_what_there_was_is_held_to_the_same_limit():
    """Half of the minutes at 90 %."""
    found = looked_back(history([50.0, 90.0] * 60))
    assert (found.was.minutes_above, found.was.events) == (60, 0)


def test_the_units_that_a_load_usually_needs_carry_it_within_the_limit():
    """Ten units at 40 % are four, which five carry at 80 %."""
    assert usual(history([20.0, np.nan, 60.0])) == pytest.approx(5)


def test_the_default_tiers_would_have_kept_what_is_neither_idle_nor_hot():
    """Level 5 of a base of 2 are ten and a bit: eleven units."""
    found = looked_back(history([50.0] * 120, units=11), ThreeTiers(Policy(), GROUP))
    assert (found.changes, found.outcome.instance_hours) == ((), pytest.approx(22))
    assert found.outcome == found.was


def test_what_is_before_the_time_in_question_is_learned_from_alone():
    found = looked_back(history([20.0] * 120), since=60)
    assert (found.outcome.minutes, found.was.instance_hours) == (60, pytest.approx(10))
    assert all(change.at > NINE + timedelta(minutes=60) for change in found.changes)


def test_what_is_after_it_is_left_out():
    assert looked_back(history([20.0] * 240)).outcome.minutes == 120


def test_unknown_minutes_lower_the_coverage_and_cost_nothing():
    found = looked_back(history([20.0] * 120, skip=range(30, 60)))
    assert (found.coverage, found.was.instance_hours) == (0.75, pytest.approx(15))


@pytest.mark.parametrize(
    ("past", "reason"),
    [
        (history([20.0] * 59), "59 of the 60 minutes"),
        (history([np.nan] * 120), "0 of the 60 minutes"),
        (history([]), "there are no samples"),
    ],
    ids=["too few", "unknown", "none"],
)
def test_with_too_little_known_nothing_is_told(past, reason):
    found = looked_back(past)
    assert (found.outcome, found.was, found.changes) == (None, None, ())
    assert reason in found.reason
