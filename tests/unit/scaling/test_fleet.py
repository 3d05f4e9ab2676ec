"""The simulated fleet, by its rules, and the ways of steering it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scaling import fleet, guard
from scaling.fleet import Fleet, Loads, Minute, Outcome
from scaling.peers import PodAutoscaler, TargetTracking
from scaling.steering import Policy, Predictive, ThreeTiers


class Given:
    """A steering that was told its units."""

    def __init__(self, *units):
        self.units = list(units)
        self.seen = []

    def wanted(self, now):
        self.seen.append((now.serving.tolist()[0], now.booting.tolist()[0]))
        return np.array([self.units[len(self.seen) - 1]], float)


def played(demand, steering, **more):
    return fleet.run(Loads.of(0, [np.array(demand, float)]), steering, start=np.array([10.0]), **more)


def units(demand, steering, *, start=10.0):
    """The units that one group has in each minute."""
    group, found = Fleet(np.array([start])), []
    for minute, value in enumerate(demand):
        now = Minute(minute, np.array([value], float), group.serving.copy(), group.booting)
        found.append(now.units.tolist()[0])
        group.strive(steering.wanted(now))
    return found


# --- The rules of the simulation -------------------------------------------------------------
def test_a_unit_boots_for_three_minutes_and_is_paid_for():
    steering = Given(12, 12, 12, 12, 12)
    found = played([8.5] * 5, steering)
    assert steering.seen == [(10, 0), (10, 2), (10, 2), (10, 2), (12, 0)]
    # Above 0.8 x 10 until the fifth minute; 10 + 4 x 12 unit-minutes; 11 units (8.5 / 0.8) are enough.
    assert found == [Outcome(5, 4, pytest.approx(58 / 60), pytest.approx(4 / 60), 1)]


def test_units_that_boot_go_first_and_at_once():
    steering = Given(14, 12, 9, 9)
    played([1] * 4, steering)
    assert steering.seen == [(10, 0), (10, 4), (10, 2), (9, 0)]


def test_a_minute_at_the_limit_is_not_above_it():
    assert played([8.0], Given(10))[0].minutes_above == 0
    assert played([8.01], Given(10))[0].minutes_above == 1


def test_unknown_minutes_pass_and_count_for_nothing():
    steering = Given(12, 99, 99, 99, 12)
    found = played([5, np.nan, np.nan, np.nan, 5], steering)[0]
    assert steering.seen[-1] == (12, 0)
    assert (found.minutes, found.events) == (2, 1)


def test_what_is_before_the_count_is_played_alone():
    found = played([9] * 4, Given(20, 20, 20, 20), count_from=2)[0]
    assert (found.minutes, found.minutes_above, found.events) == (2, 2, 0)


# --- Kubernetes ------------------------------------------------------------------------------
def test_the_pod_autoscaler_goes_by_the_ratio():
    """9 of 10 units busy at a target of 60 %: 15 units, which stay while five boot."""
    assert units([9] * 6, PodAutoscaler(np.array([0.6]))) == [10, 15, 15, 15, 15, 15]


def test_the_pod_autoscaler_tolerates_a_tenth():
    assert units([6.6, 6.6, 6.6], PodAutoscaler(np.array([0.6]))) == [10, 10, 10]
    assert units([6.7, 6.7], PodAutoscaler(np.array([0.6]))) == [10, 12]


def test_the_pod_autoscaler_shrinks_to_the_highest_of_five_minutes():
    """Six were right for two minutes, then three: six stay until those two are five minutes old."""
    demand = [6, 3.6, 3.6, *[1.8] * 7]
    assert units(demand, PodAutoscaler(np.array([0.6]))) == [10, 10, 10, 10, 10, 10, 6, 6, 3, 3]


# --- AWS -------------------------------------------------------------------------------------
def test_target_tracking_grows_after_three_minutes():
    assert units([9] * 5, TargetTracking(np.array([0.6]))) == [10, 10, 10, 15, 15]


def test_target_tracking_shrinks_after_fifteen():
    assert units([3] * 17, TargetTracking(np.array([0.6]))) == [*[10] * 15, 5, 5]


# --- The project's own -----------------------------------------------------------------------
def test_the_three_tiers_go_by_levels():
    """From level 3, 5 units, at 96 %: hot in the fourth minute; the cooldown is five."""
    found = units([4.8] * 5 + [7.6] * 8, ThreeTiers([Policy()], level=3), start=5.0)
    assert found[:5] == [5, 5, 5, 5, 7]
    assert set(found[5:8]) == {7}


def test_a_group_of_the_predictive_policy_follows_its_load_up_at_once():
    found = units([*[4.0] * 10, *[12.0] * 3], Predictive(np.array([70.0]), 1))
    assert found[10:13] == [7, 20, 20]  # in the first hour 4 / 0.6 and 12 / 0.6


def test_the_forecast_alone_changes_nothing_and_tells_each_wish_once():
    alone = Predictive(np.array([70.0]), 1, mode=guard.RECOMMEND)
    assert set(units([*[4.0] * 10, *[12.0] * 5], alone)) == {10}
    assert [(change.before, change.after) for change in alone.changes] == [(10, 7), (10, 20)]
    assert alone.changes[1].reason == "Nothing foreseen yet: 20 instead of 10 units"


demands = st.lists(st.floats(0, 60), min_size=1, max_size=12)


@settings(max_examples=6)
@given(before=demands, after=demands, otherwise=demands)
def test_the_future_changes_no_past_decision(before, after, otherwise):
    past = list(np.repeat(before, 5))
    one, another = (
        units([*past, *np.repeat(rest, 5)], Predictive(np.array([70.0]), 1)) for rest in (after, otherwise)
    )
    assert one[: len(past) + 1] == another[: len(past) + 1]


@settings(max_examples=6)
@given(demand=demands)
def test_capacity_is_never_left_below_what_the_last_minutes_asked_for(demand):
    """Within the limits and once there are samples enough: from the fourth minute on."""
    series = np.repeat(demand, 5)
    found = units([*series, 0.0], Predictive(np.array([70.0]), 1))
    for minute in range(5, len(series)):
        assert found[minute + 1] >= min(77, max(series[minute - 4 : minute + 1]) / 0.8) - 1e-6
