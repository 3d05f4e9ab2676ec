"""What a policy would have done with stored load, and at what cost."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from scaling.lookback import History, loads, look_back
from scaling.steering import Policy, Predictive, ThreeTiers

NINE = datetime(2026, 3, 2, 9, tzinfo=UTC)


def history(cpu, *, units=10, period_s=60, skip=()):
    at = [number for number in range(len(cpu)) if number not in skip]
    times_s = int(NINE.timestamp()) + period_s * np.array(at)
    return History(times_s, np.array(cpu, float)[at], np.full(len(at), float(units)), period_s)


def looked_back(past, steering=None, *, since=0, minutes=120):
    begins = NINE + timedelta(minutes=since)
    return look_back(
        past,
        steering or Predictive(np.array([70.0]), 1),
        since=begins,
        until=NINE + timedelta(minutes=minutes),
        unit_hour_usd=0.1,
    )


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
    """At 20 % of ten units (2 of 100 %) for two hours; what there was cost 20 unit-hours at $0.1."""
    found = looked_back(history([20.0] * 120))
    assert (found.coverage, found.was_usd) == (1, pytest.approx(2.0))
    assert found.cost_usd < found.was_usd
    assert found.outcome.minutes_above == 0
    assert found.changes[-1].after < 10
    assert found.changes[0].at > NINE


def test_the_default_tiers_would_have_kept_what_is_neither_idle_nor_hot():
    """Level 5 of a base of 2 are ten and a bit: eleven units."""
    found = looked_back(history([50.0] * 120, units=11), ThreeTiers([Policy()], level=5))
    assert (found.changes, found.cost_usd) == ((), pytest.approx(found.was_usd))


def test_what_is_before_the_time_in_question_is_learned_from_alone():
    found = looked_back(history([20.0] * 120), since=60)
    assert (found.outcome.minutes, found.was_usd) == (60, pytest.approx(1.0))
    assert all(change.at > NINE + timedelta(minutes=60) for change in found.changes)


def test_what_is_after_it_is_left_out():
    assert looked_back(history([20.0] * 240)).outcome.minutes == 120


def test_unknown_minutes_lower_the_coverage_and_cost_nothing():
    found = looked_back(history([20.0] * 120, skip=range(30, 60)))
    assert (found.coverage, found.was_usd) == (0.75, pytest.approx(1.5))


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
    assert (found.outcome, found.cost_usd, found.was_usd) == (None, None, None)
    assert reason in found.reason
