"""How far demand may move while a unit boots: from how it ever moved before."""

import numpy as np
import pytest

from scaling.jumps import Jumps

CARRIED = np.array([1.0, 2.0, 4.0, 8.0])


def learned(demand, lags=(4,)):
    jumps = Jumps(1, lags)
    for value in demand:
        jumps.observe(np.array([value], float))
    return jumps.over(CARRIED)[0]


def surges(days, height=3.0):
    """A load of 1.5 that is 3 for five minutes once a day, and rises to it within four."""
    day = np.full(1440, 1.5)
    day[700:705] = np.linspace(1.5, height, 6)[1:]
    day[705:710] = height
    return np.tile(day, days)


def test_what_happened_once_is_never_held_for_impossible():
    """Two days after the only surge its chance is some minutes in three days, and not nothing."""
    seen, never = learned([*surges(1), *[1.5] * 2880]), learned([1.5] * 4320)
    assert seen[1] > 3 * never[1]


def test_room_is_in_proportion():
    """What was learned at 1 holds at 2: twice as much is as likely as it was."""
    rng = np.random.default_rng(1)
    noise = np.exp(rng.normal(0, 0.2, 1000))
    low, high = learned([*noise, 1.0, 1.0]), learned([*noise * 2, 2.0, 2.0])
    assert low[0] == pytest.approx(high[1], abs=0.05)


def test_the_first_minute_of_a_surge_tells_of_the_others():
    load = surges(5)
    assert learned(load[: -1440 + 701])[1] > 0.2  # 1.8, and 2 carry it still
    assert learned(load[: -1440 + 690])[1] < 0.02


def test_before_anything_was_seen_large_moves_are_rare_and_not_impossible():
    over = learned([1.5])
    assert 0 < over[3] < over[2] < over[1] < over[0]


def test_from_unknown_demand_nothing_is_said():
    assert np.isnan(learned([1.5, np.nan])).all()


def test_minutes_that_are_skipped_teach_nothing():
    jumps, other = Jumps(1, (4,)), Jumps(1, (4,))
    for _ in range(10):
        jumps.observe(np.array([1.5]))
        other.observe(np.array([1.5]))
    other.skip(3)
    for _ in range(3):
        jumps.observe(np.array([np.nan]))
    jumps.observe(np.array([3.0]))
    other.observe(np.array([3.0]))
    assert jumps.over(CARRIED) == pytest.approx(other.over(CARRIED))


def test_nothing_observed_is_an_error():
    with pytest.raises(ValueError, match="nothing was observed"):
        Jumps(1, (4,)).over(CARRIED)
