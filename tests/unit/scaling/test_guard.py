"""The guard: what it holds against a rule's wish, and what follows where that is nothing."""

from datetime import UTC, datetime, timedelta

import pytest

from scaling import guard, models
from scaling.guard import State, check
from tests.unit.scaling.series import policy

NOON = datetime(2026, 3, 20, 12, tzinfo=UTC)
UP, HOLD, DOWN = 1, 0, -1


def state(**fields):
    """A mock at level 2 on which nothing was ever done, or what is said."""
    calm = {"level": 2, "last_action_at": None, "pending": False, "kill_switch": False}
    return State(**{**calm, "simulated": False, "is_mock": True, "mode": "mock", **fields})


def real(**fields):
    """A real instance for which all is in place to act at AWS."""
    ready = {"may_act": True, "has_actor_role": True, "actions_left": 1, "in_maintenance_window": True}
    return state(**{"is_mock": False, "mode": "asg", **ready, **fields})


def codes(direction, how, **fields):
    return [veto.code for veto in check(direction, how, policy(**fields), NOON).vetoes]


# --- What follows ----------------------------------------------------------------------------
@pytest.mark.parametrize(("direction", "level"), [(UP, 3), (DOWN, 1)])
def test_the_level_of_a_mock_follows_at_once(direction, level):
    ruling = check(direction, state(level=2), policy(), NOON)
    assert (ruling.level_after, ruling.outcome, ruling.vetoes) == (level, "applied", ())


@pytest.mark.parametrize(
    ("mode", "outcome"), [("recommend", "recommended"), ("asg", "pending"), ("ec2-resize", "pending")]
)
def test_the_level_of_a_real_instance_stays_until_something_was_done(mode, outcome):
    ruling = check(UP, real(mode=mode), policy(allow_restart=True), NOON)
    assert (ruling.level_after, ruling.outcome, ruling.vetoes) == (2, outcome, ())


def test_no_wish_needs_no_ruling():
    ruling = check(HOLD, state(kill_switch=True), policy(), NOON)
    assert (ruling.level_after, ruling.outcome, ruling.vetoes) == (2, "none", ())


def test_what_is_vetoed_changes_nothing():
    ruling = check(UP, state(kill_switch=True), policy(), NOON)
    assert (ruling.level_after, ruling.outcome) == (2, "none")


# --- Limits ----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("direction", "level", "limits", "found"),
    [
        (UP, 10, {}, ["max_level"]),
        (UP, 9, {}, []),
        (DOWN, 1, {}, ["min_level"]),
        (DOWN, 2, {}, []),
        (UP, 3, {"max_level": 3}, ["max_level"]),
        (DOWN, 3, {"min_level": 3}, ["min_level"]),
        (UP, 10, {"max_level": 99}, ["max_level"]),
        (DOWN, 1, {"min_level": 0}, ["min_level"]),
    ],
)
def test_levels_end_where_the_policy_says_and_at_1_and_10(direction, level, limits, found):
    assert codes(direction, state(level=level), **limits) == found


def test_a_level_outside_narrowed_limits_may_come_back():
    assert codes(DOWN, state(level=5), max_level=3) == []
    assert codes(UP, state(level=1), min_level=3) == []


# --- Cooldown --------------------------------------------------------------------------------
@pytest.mark.parametrize(("ago_s", "found"), [(0, ["cooldown"]), (299, ["cooldown"]), (300, []), (301, [])])
@pytest.mark.parametrize("direction", [UP, DOWN])
def test_nothing_is_done_until_the_cooldown_is_over(direction, ago_s, found):
    assert codes(direction, state(last_action_at=NOON - timedelta(seconds=ago_s))) == found


def test_each_direction_has_its_own_cooldown():
    a_minute_ago = state(last_action_at=NOON - timedelta(seconds=60))
    assert codes(UP, a_minute_ago, cooldown_up_s=60, cooldown_down_s=600) == []
    ruling = check(DOWN, a_minute_ago, policy(cooldown_up_s=60, cooldown_down_s=600), NOON)
    assert ruling.vetoes == (("cooldown", "The last action was 60 s ago; the cooldown is 600 s."),)


# --- Whatever the mode -----------------------------------------------------------------------
@pytest.mark.parametrize("mode", models.Mode.values)
@pytest.mark.parametrize("flag", ["kill_switch", "pending"])
def test_the_kill_switch_and_a_pending_action_stop_every_mode(mode, flag):
    assert codes(UP, real(mode=mode, **{flag: True}), allow_restart=True) == [flag]


# --- At AWS ----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({"is_mock": True}, "mock"),
        ({"simulated": True}, "simulated"),
        ({"may_act": False}, "owner"),
        ({"has_actor_role": False}, "actor_role"),
        ({"actions_left": 0}, "budget"),
    ],
)
@pytest.mark.parametrize("mode", ["asg", "ec2-resize"])
def test_acting_at_aws_needs_everything_in_place(mode, fields, found):
    assert codes(UP, real(mode=mode, **fields), allow_restart=True) == [found]


@pytest.mark.parametrize("mode", ["mock", "recommend"])
def test_what_changes_nothing_at_aws_needs_none_of_it(mode):
    bare = state(mode=mode, is_mock=False, simulated=True)
    assert codes(UP, bare) == []


def test_a_resize_needs_leave_to_restart_and_its_maintenance_window():
    closed = real(mode="ec2-resize", in_maintenance_window=False)
    assert codes(UP, closed, allow_restart=False) == ["restart", "maintenance_window"]
    assert codes(UP, real(mode="asg", in_maintenance_window=False), allow_restart=False) == []


def test_tells_all_that_is_against_it_at_once():
    hopeless = state(
        level=10, last_action_at=NOON, pending=True, kill_switch=True, simulated=True, mode="ec2-resize"
    )
    found = codes(UP, hopeless)
    assert found == [
        *("kill_switch", "pending", "max_level", "cooldown"),
        *("mock", "simulated", "owner", "actor_role", "budget", "restart", "maintenance_window"),
    ]
    assert len("+".join(["sustained_down:down", *found])) <= 200, "ManagedInstance.last_verdict holds it"


# --- What both sides name --------------------------------------------------------------------
def test_modes_and_outcomes_are_those_of_the_models():
    assert {guard.MOCK, guard.RECOMMEND, guard.ASG, guard.EC2_RESIZE} == set(models.Mode.values)
    assert {guard.ASG, guard.EC2_RESIZE} == set(models.ACTING)
    assert {guard.NONE, guard.APPLIED, guard.RECOMMENDED, guard.PENDING} < set(models.Outcome.values)


@pytest.mark.parametrize(("ago_s", "found"), [(0, ["cooldown"]), (29, ["cooldown"]), (30, [])])
def test_one_sample_acts_once_however_short_the_cooldown(ago_s, found):
    recent = state(last_action_at=NOON - timedelta(seconds=ago_s), period_s=30.0)
    assert codes(UP, recent, cooldown_up_s=0) == found


# --- Quality ---------------------------------------------------------------------------------
def test_data_that_are_not_good_enough_change_nothing_and_say_why():
    ruling = check(UP, state(low_quality="the quality of samples is 60.0, below 70"), policy(), NOON)
    assert (ruling.level_after, ruling.outcome) == (2, "none")
    [veto] = ruling.vetoes
    expected = "The data are not good enough: the quality of samples is 60.0, below 70."
    assert (veto.code, veto.sentence) == ("quality", expected)
