"""How many units are wished for, what the rules ask for at least, and what the guard makes of it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaling import guard, predictive
from scaling.capacity import Group
from scaling.patience import Patience
from scaling.predictive import Floor
from tests.unit.scaling.series import judged, policy, series

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
SIZES = np.array([2.0, 3.0, 4.0, 6.0, 9.0])
STATE = guard.State(
    level=1,
    last_action_at=None,
    pending=False,
    kill_switch=False,
    simulated=False,
    is_mock=True,
    mode=guard.MOCK,
)


def wished(present, over, *, least=0.0, held=False, worth=70.0, patience=None, minute=0):
    at, foreseen = np.array([present], float), np.array([over], float)
    asked = Floor(np.array([least], float), np.array([held]))
    found = predictive.weigh(at, SIZES, foreseen, asked, np.array([worth]))
    places = (patience or Patience(1)).settle(minute, found)
    return predictive.wishes(at, foreseen, asked, found, places)


def settled(present, over, **more):
    """What is wished for once that has been asked for an hour."""
    patience = Patience(1)
    return [wished(present, over, patience=patience, minute=minute, **more) for minute in range(60)][-1]


def decided(found, **state):
    return predictive.decide(
        found, 0, Group(base=2), state=replace(STATE, **state), policy=policy(), now=NOON
    )


def test_a_foreseen_surge_raises_capacity_ahead_of_it():
    """Losses by size: 0.9 + 2/70, 0.8 + 3/70, 0.5 + 4/70, 0.02 + 6/70 = 0.106, 0 + 9/70 = 0.129."""
    found = wished(3, [0.9, 0.8, 0.5, 0.02, 0])
    assert found.wanted.tolist() == [6]
    assert found.reason(0) == (
        "Foreseen: 80.0% of the next minutes above the limit with 3 units, 2.0% with 6"
    )


def test_what_a_minute_is_worth_decides_how_much_room_there_is():
    over = [0.9, 0.8, 0.5, 0.02, 0]
    assert [settled(3, over, worth=worth).wanted[0] for worth in (3, 70, 200)] == [2, 6, 9]


def test_a_change_that_saves_next_to_nothing_is_not_made():
    """Three units more save 12 x (0.1 - 3/70) = 0.69 minutes of the next twelve, or 12 x (0.08 - 3/70)."""
    assert wished(3, [1, 0.1, 0.1, 0, 0]).wanted.tolist() == [6]
    assert wished(3, [1, 0.08, 0.08, 0, 0]).wanted.tolist() == [3]


def test_the_prediction_never_goes_below_what_the_rules_ask_for():
    assert settled(9, [0, 0, 0, 0, 0], least=5.5).wanted.tolist() == [6]
    found = wished(3, [0, 0, 0, 0, 0], least=4)
    assert found.wanted.tolist() == [4]
    assert found.reason(0) == "Needed: 4 units instead of 3 for the load of the last minutes"


@given(
    present=st.sampled_from(SIZES.tolist()),
    over=st.lists(st.floats(0, 1), min_size=5, max_size=5),
    least=st.floats(0, 9),
    worth=st.floats(1, 1000),
)
def test_whatever_is_foreseen_the_floor_holds(present, over, least, worth):
    found = wished(present, sorted(over, reverse=True), least=least, worth=worth)
    assert found.wanted[0] >= least


def test_without_a_forecast_the_rules_are_followed_up_and_down():
    nothing = [np.nan] * 5
    assert wished(3, nothing, least=4).wanted.tolist() == [4]
    found = wished(9, nothing, least=2.5)
    assert found.wanted.tolist() == [3]
    assert found.reason(0) == "Nothing foreseen yet: 3 instead of 9 units"
    assert wished(3, nothing, least=2.5).reason(0) == "Nothing foreseen yet: it stays at 3 units"


def test_while_nothing_is_foreseen_there_is_room_for_what_nobody_knows_yet():
    """A demand of 3 is carried by 5 units at 60 %, and by 4 within the limit of 80 %."""
    floor = Floor(np.array([3.75, 3.75]), np.array([False, False]))
    room = predictive.with_room(floor, np.array([3.0, 3.0]), np.array([False, True]))
    assert room.units.tolist() == [5, 3.75]


def test_units_that_are_not_needed_are_given_back_once_that_is_worth_a_change():
    """A minute of the usual 9 units, and 0.3 minutes at 70 unit-minutes: 9 + 21 = 30, of 7 a minute."""
    patience = Patience(1)
    found = [wished(9, [0] * 5, patience=patience, minute=minute).wanted[0] for minute in range(5)]
    assert found == [9, 9, 9, 9, 2]


def test_a_sustained_load_asks_for_a_level_more_than_what_serves():
    """Six units of which two boot: 4 x 1.5 = 6."""
    assert asked([95.0] * 10, serving=np.array([4.0])).units.tolist() == [6.0]


def test_without_fresh_data_nothing_changes():
    found = wished(3, [1, 1, 1, 0, 0], least=9, held=True)
    assert found.wanted.tolist() == [3]
    assert found.reason(0) == "Held at 3 units: stale or insufficient data"


def test_a_size_that_somebody_else_chose_stays_until_there_is_a_reason():
    assert settled(5, [1, 1, 1, 0, 0]).wanted.tolist() == [5]
    assert settled(50, [1, 1, 1, 0, 0]).wanted.tolist() == [6]
    assert wished(1, [0, 0, 0, 0, 0]).wanted.tolist() == [2]


def test_between_two_sizes_the_floor_holds_as_well():
    """5 lies between the sizes 4 and 6."""
    found = wished(5, [0, 0, 0, 0, 0], least=5.5)
    assert found.wanted.tolist() == [6]
    assert found.reason(0) == "Needed: 6 units instead of 5 for the load of the last minutes"
    assert wished(5, [0, 0, 0, 0, 0], least=4.5).wanted.tolist() == [5]


# --- What the rules ask for ------------------------------------------------------------------
def asked(cpu, *, present=6.0, highest=2.4, serving=None, **more):
    verdicts = judged(series(cpu), **more)
    return predictive.floor(verdicts, np.array([present]), np.array([highest]), serving=serving)


def test_the_load_of_the_last_minutes_is_carried_within_the_limit():
    assert asked([50.0] * 10).units.tolist() == pytest.approx([3.0])  # 2.4 / 0.8


def test_a_sustained_load_asks_for_a_level_more():
    assert asked([95.0] * 10).units.tolist() == [9.0]  # 6 x 1.5


def test_while_a_spike_asks_for_more_nothing_is_given_back():
    assert asked([*[40.0] * 9, 80.0]).units.tolist() == [6.0]


def test_stale_or_too_few_samples_hold():
    assert asked([50.0] * 10, age_s=900).is_held.tolist() == [True]
    assert asked([50.0] * 3).is_held.tolist() == [True]
    assert asked([50.0] * 10).is_held.tolist() == [False]


def test_unknown_demand_asks_for_nothing():
    assert asked([50.0] * 10, highest=np.nan).units.tolist() == [0.0]


# --- The guard -------------------------------------------------------------------------------
RISING = wished(3, [0.9, 0.8, 0.5, 0.02, 0])


def test_the_guard_grants_the_whole_way():
    decision = decided(RISING)
    assert (decision.units, decision.wanted, decision.ruling.outcome) == (6, 6, guard.APPLIED)


def test_the_forecast_alone_records_what_would_have_been_done():
    decision = decided(RISING, mode=guard.RECOMMEND)
    assert (decision.units, decision.wanted, decision.ruling.outcome) == (3, 6, guard.RECOMMENDED)


@pytest.mark.parametrize(
    ("state", "code"),
    [
        ({"kill_switch": True}, "kill_switch"),
        ({"pending": True}, "pending"),
        ({"low_quality": "half is missing"}, "quality"),
        ({"last_action_at": NOON - timedelta(seconds=200)}, "cooldown"),
    ],
    ids=["kill switch", "pending", "quality", "cooldown"],
)
def test_what_the_guard_vetoes_changes_nothing(state, code):
    decision = decided(RISING, **state)
    assert decision.units == 3
    assert [veto.code for veto in decision.ruling.vetoes] == [code]


def test_at_the_highest_level_there_is_no_more():
    group = Group(base=2, max_level=2)
    assert group.sizes().tolist() == [2, 3]
    found = predictive.decide(RISING, 0, group, state=STATE, policy=policy(max_level=2), now=NOON)
    assert (found.units, [veto.code for veto in found.ruling.vetoes]) == (3, ["max_level"])


# --- Groups ----------------------------------------------------------------------------------
def test_levels_are_so_many_units():
    assert Group(base=2, max_level=4).sizes().tolist() == [2, 3, 4, 5, 6, 7]  # 2 x 1.5^3 = 6.75
    assert Group(base=100, max_level=2).sizes().tolist() == [100, 110, 121, 133, 146, 150]


def test_between_two_levels_a_group_counts_as_the_one_that_it_leaves():
    group = Group(base=4)  # 4, 6, 9, 14, …
    assert [group.level(units, 1) for units in (3, 4, 5, 6, 8, 9)] == [1, 1, 1, 2, 2, 3]
    assert [group.level(units, -1) for units in (3, 4, 5, 6, 8, 9)] == [1, 1, 2, 2, 3, 3]
