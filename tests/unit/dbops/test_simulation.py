"""The simulated pool: its units, the two it is compared with, and that nobody looks ahead."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dbops import simulation
from dbops.replaying import Automatic
from dbops.simulation import Fixed, Outcome, Reactive, Trace

DAY = 24 * 60


def trace(demand, start=0):
    values = np.array(demand, float)
    return Trace("made up", start + np.arange(len(values)), values)


def sizes(demand, policy, start=100):
    found = []
    for minute, needed in enumerate(demand):
        found.append(start)
        start = policy.next_size(minute, start, needed)
    return found


class Given:
    """A policy that was told its sizes."""

    def __init__(self, *sizes):
        self.sizes = list(sizes)

    def next_size(self, minute, size, demand):
        return self.sizes[minute]


def test_the_99_9th_percentile_needs_90_connections():
    requests = np.arange(1001.0)  # its 99.9th percentile is 999
    assert simulation.demand(requests)[999] == pytest.approx(90)
    assert simulation.demand(requests)[0] == 0
    with pytest.raises(ValueError, match="hardly any requests"):
        simulation.demand(np.zeros(1000))


def test_what_is_decided_on_a_minute_holds_from_the_next_one_on():
    # Sizes 10, 20, 20, 10 meet demands 12, 12, 25, 4: short in the 1st and 3rd minute, 8 + 6 are idle.
    found = simulation.run(trace([12, 12, 25, 4]), Given(20, 20, 10, 10), start=10)
    assert found == Outcome(
        peaks=1, peaks_met=0, saturated_minutes=2, idle_connection_minutes=14, scaling_events=2
    )


def test_a_minute_that_needs_just_what_there_is_is_met():
    assert simulation.run(trace([100, 100.01]), Fixed()).saturated_minutes == 1


def test_each_day_has_one_peak():
    demand = np.full(2 * DAY, 10.0)
    demand[100], demand[DAY + 100] = 99, 101
    found = simulation.run(trace(demand), Fixed())
    assert (found.peaks, found.peaks_met) == (2, 1)


def test_the_thresholds_move_the_pool_by_five_each_five_minutes():
    assert sizes([17] * 12, Reactive(), start=20) == [20, *[25] * 11]  # 17 / 25 is below 0.8
    assert sizes([19] * 7, Reactive(), start=15) == [15, *[20] * 5, 25]
    assert sizes([0] * 7, Reactive(), start=15) == [15, *[10] * 5, 5]
    assert sizes([0] * 7, Reactive(), start=5) == [5] * 7
    assert sizes([200] * 7, Reactive(), start=100) == [100] * 7


loads = st.lists(st.floats(0, 120), min_size=1, max_size=40)


@settings(max_examples=25, deadline=None)
@given(before=loads, after=loads, otherwise=loads)
def test_the_future_changes_no_past_decision(before, after, otherwise):
    # Each value lasts a quarter of an hour, so that hours are learned from and predicted.
    past, one, another = (list(np.repeat(part, 15)) for part in (before, after, otherwise))
    together = sizes(past + one, Automatic(simulation.LIMITS))
    apart = sizes(past + another, Automatic(simulation.LIMITS))
    assert together[: len(past) + 1] == apart[: len(past) + 1]


@settings(max_examples=25, deadline=None)
@given(load=loads)
def test_the_automation_keeps_the_limits_and_the_steps(load):
    for size in sizes(np.repeat(load, 15), Automatic(simulation.LIMITS)):
        assert 5 <= size <= 100
        assert size % 5 == 0


def test_what_is_critical_goes_to_the_maximum_at_once():
    demand = [*[1] * 600, 60, 60]
    assert sizes(demand, Automatic(simulation.LIMITS))[-1] == 100


def test_a_load_of_every_day_is_met_with_fewer_moves_and_less_waste():
    # Two hours a day at 70 connections, for two weeks, reached within ten minutes; else 10.
    ramp = np.linspace(10, 70, 10)
    day = np.concatenate([np.full(9 * 60, 10.0), ramp, np.full(110, 70.0), np.full(DAY - 660, 10.0)])
    load = trace(np.tile(day, 14))
    fixed, reactive, ours = (
        simulation.run(load, each) for each in (Fixed(), Reactive(), Automatic(simulation.LIMITS))
    )
    assert fixed.saturated_minutes == ours.saturated_minutes == 0
    assert reactive.saturated_minutes > 14
    assert ours.idle_connection_minutes < 0.6 * fixed.idle_connection_minutes
    assert ours.scaling_events < 0.5 * reactive.scaling_events
