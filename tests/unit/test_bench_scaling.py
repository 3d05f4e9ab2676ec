"""How policies are compared: at equal cost, over all loads and for each."""

import numpy as np
import pytest

from benchmarks import bench_scaling as bench
from dbops.simulation import Trace
from scaling.fleet import Outcome


def outcome(minutes_above, instance_hours, events=10):
    return Outcome(1000, minutes_above, instance_hours, 0.0, events)


def curves(**ours):
    return {
        "hpa": {0.6: outcome(100, 50.0)},
        "predictive": {float(name[1:]): each for name, each in ours.items()},
    }


def test_the_dearest_point_that_costs_no_more_is_compared():
    found = bench._compared(
        curves(_40=outcome(90, 40.0, 4), _70=outcome(60, 49.0, 5), _90=outcome(10, 51.0, 4))
    )
    assert found == {
        "worth_at_equal_cost": 70,
        "fewer_minutes_above_than_hpa": 0.4,
        "fewer_events_than_hpa": 0.5,
        "fewer_instance_hours_than_hpa": 0.02,
    }


def test_a_curve_that_is_dearer_everywhere_is_compared_with_nothing():
    assert bench._compared(curves(_40=outcome(1, 51.0))) == {}
    assert not bench._is_better(curves(_40=outcome(1, 51.0)))


@pytest.mark.parametrize(("above", "events", "better"), [(70, 5, True), (71, 5, False), (70, 6, False)])
def test_a_load_is_counted_where_both_aims_are_met(above, events, better):
    assert bench._is_better(curves(_70=outcome(above, 50.0, events))) is better


def test_the_highest_minute_needs_forty_units_at_its_time_of_day():
    trace = Trace("made up", np.array([1440 + 3, 1440 + 5]), np.array([45.0, 90.0]))
    assert bench.units(trace)[3:].tolist() == pytest.approx([20, np.nan, 40], nan_ok=True)
    assert np.isnan(bench.units(trace)[:3]).all()


def test_every_policy_runs_over_its_knobs():
    loads = bench.Loads.of(0, [np.full(8, 20.0), np.full(6, 10.0)])
    for policy, knobs in bench.KNOBS.items():
        played = bench.play(policy, loads)
        assert [tuple(curve) for curve in played] == [knobs, knobs]
        assert [curve[knobs[0]].minutes for curve in played] == [8, 6]


def test_loads_about_as_long_are_played_together():
    assert bench.parts([100, 10, 95, 60, 12]) == [[0, 2], [3], [4, 1]]
    assert [len(part) for part in bench.parts([5] * 9)] == [7, 2]
