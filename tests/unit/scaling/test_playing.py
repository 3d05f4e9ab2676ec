"""A load played in stretches comes out as it does minute by minute."""

import numpy as np
import pytest

from scaling import fleet, playing, steering
from scaling.capacity import Group, Levels
from scaling.fleet import Loads
from scaling.peers import PodAutoscaler
from scaling.steering import AHEAD, GROUP, Policy

START = 1440 * 5 + 17


def load(kind, minutes=600):
    """Demand of ten units about, in waves of eight hours, which may jump and fall."""
    random = np.random.default_rng(3)
    demand = 10 + 5 * np.sin(np.arange(minutes) / 480 * 2 * np.pi) + random.normal(0, 0.5, minutes)
    if kind == "jumps":
        demand *= np.where(random.random(minutes) < 0.02, 2.5, 1)
        demand[250:400] *= 0.15
    return Loads(START, demand[:, None])


def told(changes):
    return [(each.at, each.before, each.after, each.reason) for each in changes]


@pytest.mark.parametrize("kind", ["waves", "jumps"])
@pytest.mark.parametrize(
    ("by_minutes", "at_once"),
    [
        (
            lambda: steering.Predictive(np.array([70.0]), 1),
            lambda: playing.Predictive(70.0, AHEAD, GROUP),
        ),
        (
            lambda: steering.ThreeTiers([Policy()], level=6),
            lambda: playing.ThreeTiers(Policy(), GROUP),
        ),
    ],
    ids=["predictive", "three tiers"],
)
def test_minutes_together_are_decided_as_each_by_itself(kind, by_minutes, at_once):
    """Level 6 of a base of 2 are 16 units."""
    one_by_one = by_minutes()
    outcome = fleet.run(load(kind), one_by_one, start=np.array([16.0]))[0]
    course = at_once().play(load(kind), 16.0)
    assert told(course.changes) == told(one_by_one.changes)
    assert course.units.sum() / 60 == pytest.approx(outcome.instance_hours)
    assert len(course.changes) == outcome.events


def test_a_peer_that_is_played_does_as_the_simulation_has_it():
    group = Group(2)
    outcome = fleet.run(load("waves"), PodAutoscaler(np.array([0.6])), start=np.array([16.0]))[0]
    course = playing.Stepwise(PodAutoscaler(np.array([0.6])), group, "{:.0f}%").play(load("waves"), 16.0)
    assert len(course.changes) == outcome.events
    assert course.units.sum() / 60 == pytest.approx(outcome.instance_hours)


def test_what_a_peer_wants_is_had_by_levels_where_there_are_no_others():
    """A demand of 1.1 times level 1 at a target of 60 %: 1.83 times; level 3 has 2.25."""
    levels = Levels()
    demand = np.full((30, 1), 1.1 * levels.unit)
    player = playing.Stepwise(PodAutoscaler(np.array([0.6])), levels, "{:.0f}%")
    course = player.play(Loads(START, demand), levels.units(1))
    assert course.wanted[-1] == levels.units(3)


def test_each_day_is_foreseen_from_the_days_before_it_alone():
    """What comes later changes nothing of what was foreseen."""
    days = np.tile(load("waves", 1440).demand, (4, 1))
    changed = days.copy()
    changed[3 * 1440 + 700 :] = 30
    before, after = (playing.foreseen(Loads(START, each), GROUP) for each in (days, changed))
    assert np.array_equal(before[: 3 * 1440 + 700], after[: 3 * 1440 + 700], equal_nan=True)
    assert np.isnan(before[:59]).all()
    assert not np.isnan(before[60:]).any()
    assert not np.array_equal(before[3 * 1440 + 700 :], after[3 * 1440 + 700 :])


def test_levels_are_each_a_step_apart_and_told_in_percent():
    levels = Levels(2, 4)
    assert (levels.sizes()[1:] / levels.sizes()[:-1]).tolist() == [1.5, 1.5]
    assert [levels.number(size) for size in levels.sizes()] == ["150%", "225%", "337.5%"]
    assert levels.level(levels.units(3), 1) == levels.level(levels.units(3), -1) == 3
