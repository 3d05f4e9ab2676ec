"""The sustainability score and its parts."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.carbon.score import WEIGHTS, Running, Storage, assess


def running(cpu=25.0, *, vcpus=2, hours=100.0, instance_type="m6i.large", region="eu-west-1"):
    return Running(instance_type, region, vcpus, hours, cpu)


def scores(*machines, storage=None):
    return {part.name: part.score for part in assess(machines, storage).parts}


def reasons(*machines, storage=None):
    return {part.name: part.reason for part in assess(machines, storage).parts if part.reason}


# --- The total -------------------------------------------------------------------------------
def test_the_weights_are_the_whole():
    assert math.fsum(WEIGHTS.values()) == pytest.approx(1)


def test_the_total_is_the_weighted_mean_of_the_parts():
    found = assess([running(25.0)], Storage(100, 40))
    by_name = {part.name: part.score for part in found.parts}
    # Half of the good 50 %; awake; 1.083612 W (EPYC 2nd) of 2.2625 W (Ice Lake); 0.316 of the worst, 0.928.
    assert by_name == pytest.approx(
        {
            "utilisation": 50,
            "idle": 100,
            "efficiency": 47.8925,
            "grid": 65.9483,
            "storage": 60,
            "coverage": 100,
        },
        rel=1e-4,
    )
    # 12.5 + 25 + 9.5785 + 9.8922 + 6 + 5.
    assert found.total == pytest.approx(67.9707, rel=1e-4)
    assert (found.known_weight, found.reason) == (pytest.approx(1), "")


def test_an_unknown_part_is_left_out_and_neither_full_nor_empty():
    found = assess([running(25.0)], None)
    assert found.known_weight == pytest.approx(0.9)
    # The 61.9707 of the others, without the storage's 6, of 0.9.
    assert found.total == pytest.approx(61.9707 / 0.9, rel=1e-4)


def test_with_less_than_half_of_the_weight_known_there_is_no_total():
    found = assess([running(None)], Storage(100, 0))
    # Efficiency 0.20, grid 0.15, storage 0.10, coverage 0.05 make a half; without storage it is less.
    assert found.total is not None
    found = assess([running(None)], None)
    assert found.total is None
    assert found.reason == "Parts of 40% of the weight are known, 50% have to be."


def test_an_empty_estate_has_no_score():
    found = assess([], None)
    assert found.total is None
    assert {part.reason for part in found.parts} == {
        "No instance of known size ran.",
        "No volumes are known.",
        "No instance ran.",
    }


# --- The parts -------------------------------------------------------------------------------
@pytest.mark.parametrize(("cpu", "score"), [(0.0, 0), (10.0, 20), (50.0, 100), (90.0, 100)])
def test_utilisation_is_full_from_half(cpu, score):
    assert scores(running(cpu))["utilisation"] == pytest.approx(score)


@pytest.mark.parametrize(("cpu", "score"), [(4.9, 0), (5.0, 100)])
def test_a_machine_below_five_percent_is_idle(cpu, score):
    assert scores(running(cpu))["idle"] == score


def test_large_and_long_running_machines_count_for_more():
    # 8 vCPUs idle for 300 hours beside 2 awake for 100: 2,400 of 2,600 vCPU-hours.
    found = scores(running(1.0, vcpus=8, hours=300), running(50.0))
    assert found["idle"] == pytest.approx(100 * 200 / 2600)


def test_the_stopped_count_for_nothing():
    assert scores(running(50.0), running(0.0, hours=0), running(0.0, hours=math.nan)) == scores(running(50.0))


@pytest.mark.parametrize("cpu", [None, math.nan])
def test_load_that_is_measured_on_less_than_half_is_unknown(cpu):
    assert scores(running(50.0), running(cpu))["utilisation"] == 100
    said = reasons(running(50.0), running(cpu, hours=101))
    assert (
        said["utilisation"] == said["idle"] == "50% of the vCPU-hours have their CPU measured, 50% have to."
    )


def test_newer_processors_score_higher():
    old, new = (scores(running(instance_type=name))["efficiency"] for name in ("m3.large", "m6g.large"))
    assert (old < 30, new) == (True, pytest.approx(100))


@pytest.mark.parametrize("instance_type", ["m99x.large", "p5.48xlarge"])
def test_processors_that_are_not_known_have_no_efficiency(instance_type):
    assert scores(running(instance_type=instance_type))["efficiency"] is None


def test_cleaner_grids_score_higher():
    sweden, africa = (scores(running(region=name))["grid"] for name in ("eu-north-1", "af-south-1"))
    assert sweden == pytest.approx(100 * (1 - 0.008 / 0.928))
    assert africa == 0


def test_a_region_without_a_known_grid_has_no_part_in_it():
    assert scores(running(region="il-central-1"))["grid"] is None


def test_volumes_that_nothing_uses_lower_the_score():
    assert scores(storage=Storage(200, 50))["storage"] == 75
    assert scores(storage=Storage(0, 0))["storage"] is None


def test_coverage_is_the_share_of_hours_of_which_all_is_known():
    found = scores(
        running(50.0, hours=60),
        running(None, hours=10),
        running(50.0, hours=10, region="il-central-1"),
        running(50.0, hours=10, instance_type="m99x.large"),
        running(50.0, hours=10, vcpus=None),
    )
    assert found["coverage"] == pytest.approx(60)


@settings(max_examples=50)
@given(
    st.lists(
        st.builds(
            Running,
            st.sampled_from(["m5.large", "m99x.large", "p5.48xlarge"]),
            st.sampled_from(["eu-west-1", "af-south-1", "moon-1"]),
            st.none() | st.integers(1, 96),
            st.floats(0, 8784),
            st.none() | st.floats(0, 100) | st.just(math.nan),
        )
    )
)
def test_scores_are_between_0_and_100_or_have_a_reason(machines):
    found = assess(machines, None)
    for part in found.parts:
        assert (part.score is None) == bool(part.reason)
        assert part.score is None or -1e-9 <= part.score <= 100 + 1e-9
    assert (found.total is None) == bool(found.reason)
