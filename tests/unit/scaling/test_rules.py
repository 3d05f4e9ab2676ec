"""The three tiers of the rules, and what they say. Windows have ten samples, one every 30 s, unless said."""

import json

import numpy as np
import pytest

from scaling.rules import Rule, outliers
from tests.unit.scaling.series import CLOUDWATCH, SIMULATED, judged, series, windows

IDLE = [15.0] * 10


def mixed(count, value, rest):
    """Ten values, the oldest `count` of which are `value`."""
    return [value] * count + [rest] * (10 - count)


def verdict(*args, age_s=15, every_s=30, outlier=0, **fields):
    """Rule, direction and reason of one instance."""
    found = judged(series(*args, every_s=every_s, outlier=outlier), age_s=age_s, every_s=every_s, **fields)
    return found.rule_name(0), int(found.direction[0]), found.reason(0)


# --- Tier 1: sustained down ------------------------------------------------------------------
@pytest.mark.parametrize(("low", "direction"), [(10, -1), (8, -1), (7, 0)], ids=["100 %", "80 %", "70 %"])
def test_scales_down_once_four_fifths_of_the_window_are_idle(low, direction):
    found = judged(series(mixed(low, 5.0, 12.0), IDLE))
    assert found.direction[0] == direction


@pytest.mark.parametrize(
    ("cpu", "memory", "rule"),
    [(9.99, 19.99, "sustained_down"), (10.0, 19.99, "steady"), (9.99, 20.0, "steady")],
)
def test_idle_is_below_both_thresholds(cpu, memory, rule):
    assert verdict([cpu] * 10, [memory] * 10)[0] == rule


def test_says_why_it_scales_down():
    rule, direction, reason = verdict([5.0] * 10, [12.0] * 10)
    assert (rule, direction) == ("sustained_down", -1)
    assert reason == (
        "Sustained scale down: CPU < 10% and Memory < 20% for 100.0% of last 5 minutes "
        "(Current: 5.00%, 12.00%)"
    )


def test_unknown_memory_takes_no_part():
    assert verdict([5.0] * 10)[2] == (
        "Sustained scale down: CPU < 10% for 100.0% of last 5 minutes (Current: 5.00%)"
    )


@pytest.mark.parametrize("known", [12.0, 85.0])
def test_a_sample_without_memory_is_not_idle_where_others_know_it(known):
    """Eight of ten have idle CPUs; those that know memory say nothing of the others."""
    assert verdict([5.0] * 10, mixed(2, known, None))[0] == "steady"
    assert verdict([5.0] * 10, mixed(8, 12.0, None))[2].endswith(
        "CPU < 10% and Memory < 20% for 80.0% of last 5 minutes (Current: 5.00%, unknown)"
    )


def test_a_simulation_without_memory_is_idle_by_its_cpu_alone():
    found = judged(series([5.0] * 10, mixed(2, 50.0, None), source=SIMULATED))
    assert found.reason(0) == (
        "Sustained scale down: CPU < 10% and Memory < 20% where known for 80.0% of last 5 minutes "
        "(Current: 5.00%, unknown)"
    )


def test_a_sample_without_cpu_is_not_idle():
    """Seven of ten are low; the three unknown ones are part of the window all the same."""
    assert verdict(mixed(3, None, 5.0), [12.0] * 10)[0] == "steady"


# --- Tier 2: sustained up --------------------------------------------------------------------
@pytest.mark.parametrize(("hot", "rule"), [(8, "sustained_up"), (7, "steady")], ids=["80 %", "70 %"])
def test_scales_up_once_four_fifths_of_the_window_are_hot(hot, rule):
    assert verdict(mixed(hot, 95.0, 89.0), [50.0] * 10)[0] == rule


def test_says_why_it_scales_up_as_the_document_has_it():
    """17 of 20 samples, one every 15 s, are above 90 %: 85.0 %."""
    assert verdict([85.0] * 3 + [92.5] * 17, [68.3] * 20, every_s=15) == (
        "sustained_up",
        1,
        "Sustained scale up: CPU > 90% for 85.0% of last 5 minutes (Current: 92.50%)",
    )


def test_names_memory_when_that_is_what_is_high():
    assert verdict([50.0] * 10, [97.0] * 10)[2] == (
        "Sustained scale up: Memory > 90% for 100.0% of last 5 minutes (Current: 97.00%)"
    )


def test_names_both_where_neither_alone_is_high_for_long_enough():
    assert verdict(mixed(5, 95.0, 50.0), mixed(5, 50.0, 95.0))[2] == (
        "Sustained scale up: CPU > 90% or Memory > 90% for 100.0% of last 5 minutes (Current: 50.00%, 95.00%)"
    )


def test_a_sample_that_knows_neither_is_not_hot():
    assert verdict(mixed(3, None, 95.0))[0] == "steady"


def test_flagged_outliers_count_as_sustained_load():
    assert verdict([95.0] * 10, outlier=1)[0] == "sustained_up"


def test_the_window_is_told_as_long_as_it_is():
    """A sample every 300 s: five periods are 25 minutes, longer than the policy's five."""
    assert verdict([95.0] * 9, every_s=300, age_s=60)[2] == (
        "Sustained scale up: CPU > 90% for 100.0% of last 25 minutes (Current: 95.00%)"
    )


# --- Tier 3: votes ---------------------------------------------------------------------------
def test_a_flat_series_has_fences_all_the_same():
    """Quartiles 50 and 50, the range's floor 7: fences at 50 -+ 1.5 x 7 = 39.5 and 60.5."""
    assert verdict([50.0] * 9 + [60.5])[0] == "steady"
    assert verdict([50.0] * 9 + [60.6])[1:] == (
        1,
        "IQR scale up: CPU 60.60% above 60.50%; votes 2 up, 0 down",
    )
    assert verdict([50.0] * 9 + [39.4])[1:] == (
        -1,
        "IQR scale down: CPU 39.40% below 39.50%; votes 0 up, 2 down",
    )


def test_fences_are_one_and_a_half_interquartile_ranges_away():
    """Of ten values the quartiles are at positions 2.25 and 6.75: of 0, 10, 20, 30, 40, 40, 50, 60, 70, 80
    they are 22.5 and 57.5. The range is 35, 1.5 of it 52.5, and the fences at -30 and 110.
    """
    found = judged(series([0.0, 10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0, 40.0]))
    assert found.inputs(0)["statistics"]["cpu"] == {"q1": 22.5, "q3": 57.5, "lower": -30.0, "upper": 110.0}


def test_one_network_metric_is_no_majority_and_two_are():
    """Median 1 MB: the floor is 0.25 x 1 MB + 0.1 MB = 0.35 MB, the fence at 1 + 1.5 x 0.35 = 1.525 MB."""
    busy = [1e6] * 9 + [1.6e6]
    assert verdict([50.0] * 10, None, busy, [1e6] * 10)[2] == (
        "Normal: CPU 50.00%, Memory unknown; votes 1 up, 0 down"
    )
    assert verdict([50.0] * 10, None, busy, busy)[2] == (
        "IQR scale up: Network in 1,600,000 B above 1,525,000 B, "
        "Network out 1,600,000 B above 1,525,000 B; votes 2 up, 0 down"
    )


def changed_period(network, *, source=CLOUDWATCH):
    """Five samples of a minute, then one of five minutes: the same load, summed up for longer."""
    each = series([50.0] * 6, None, network, network, source=source)
    each.time[:-1] = each.time[-1] - np.arange(5, 0, -1) * 60_000_000 - 240_000_000
    return each


def test_the_network_abstains_where_the_period_has_changed():
    found = judged(changed_period([1e6] * 5 + [5e6]), every_s=300)
    assert found.reason(0) == "Normal: CPU 50.00%, Memory unknown; votes 0 up, 0 down"
    assert found.inputs(0)["statistics"]["network_in"] is None
    assert found.inputs(0)["statistics"]["cpu"]["q1"] == 50.0


def test_the_network_votes_where_it_was_measured_by_the_period_or_not_at_all_by_cloudwatch():
    even = series([50.0] * 6, None, *[[1e6] * 5 + [5e6]] * 2, every_s=300, source=CLOUDWATCH)
    assert judged(even, every_s=300).votes_up.tolist() == [2]
    simulated = changed_period([1e6] * 5 + [5e6], source=SIMULATED)
    assert judged(changed_period([1e6] * 6), simulated, every_s=300).votes_up.tolist() == [0, 2]


def test_a_change_of_the_period_before_the_window_does_not_matter():
    """The window of five periods has the last five of twelve samples."""
    each = series([50.0] * 12, None, *[[1e6] * 11 + [5e6]] * 2, every_s=300, source=CLOUDWATCH)
    each.time[:7] = each.time[6] - np.arange(6, -1, -1) * 60_000_000
    assert judged(each, every_s=300).votes_up.tolist() == [2]


def test_up_wins_when_both_have_the_votes():
    assert verdict([50.0] * 9 + [70.0], [50.0] * 9 + [30.0])[1:] == (
        1,
        "IQR scale up: CPU 70.00% above 60.50%; votes 2 up, 2 down",
    )


def test_flagged_values_of_a_metric_are_no_base_for_its_fences():
    """Without its five flagged values of 80, CPU is flat at 50; memory's values are not flagged by that."""
    flags = [0, 1] * 4 + [1, 0]
    cpu = [80.0 if flag else 50.0 for flag in flags[:-1]] + [61.0]
    assert verdict(cpu, outlier=flags)[1] == 1
    assert verdict(cpu, outlier=0)[1] == 0


def test_a_metric_votes_only_with_enough_unflagged_values():
    """Ten values less seven flagged are three, one fewer than four."""
    flags = [1] * 7 + [0] * 3
    assert verdict([50.0] * 9 + [99.0], outlier=flags)[0] == "steady"


def test_noise_within_ten_points_never_votes():
    """However the ten points are spread: nine at one end, and one at the other."""
    assert verdict([40.0] * 9 + [50.0], [50.0] * 9 + [40.0])[2].endswith("votes 0 up, 0 down")


# --- Too little, or too old ------------------------------------------------------------------
@pytest.mark.parametrize(
    ("count", "every_s", "said"),
    [(3, 60, "3 samples over 120 s"), (4, 30, "4 samples over 90 s"), (0, 30, "0 samples over 0 s")],
)
def test_too_little_data_holds(count, every_s, said):
    assert verdict([5.0] * count, every_s=every_s) == (
        "insufficient",
        0,
        f"Insufficient data: {said} of the 4 over 120 s that are needed",
    )


def test_samples_that_know_the_network_alone_are_no_data():
    assert verdict([None] * 7 + [5.0] * 3, None, [1e6] * 10)[0] == "insufficient"


def test_old_data_holds_whatever_it_says():
    """Two periods of 30 s and three minutes are 240 s."""
    assert verdict([95.0] * 10, age_s=240)[0] == "sustained_up"
    assert verdict([95.0] * 10, age_s=241) == (
        "stale",
        0,
        "Stale data: the newest sample is 241 s old, more than 240 s",
    )


def test_stale_is_said_before_insufficient():
    assert verdict([95.0], age_s=999)[0] == "stale"


# --- What is kept ----------------------------------------------------------------------------
def test_the_kind_of_a_verdict_has_no_numbers():
    found = judged(series([95.0] * 10), series([5.0] * 10), series([50.0] * 9 + [30.0]), series([]))
    assert [found.kind(i) for i in range(4)] == [
        "sustained_up:up",
        "sustained_down:down",
        "iqr:down",
        "insufficient:hold",
    ]


def test_each_row_has_its_own_verdict_whatever_the_others_are():
    """Rows of other lengths and tiers are in other blocks, or out of the vote."""
    several = [
        series([50.0] * 9 + [70.0]),
        series([95.0] * 10),
        series([5.0] * 7),
        series([1.0]),
        series([50.0] * 10),
    ]
    found = judged(*several)
    assert [Rule(rule) for rule in found.rule] == [
        Rule.IQR,
        Rule.SUSTAINED_UP,
        Rule.SUSTAINED_DOWN,
        Rule.INSUFFICIENT,
        Rule.STEADY,
    ]


def test_inputs_are_json_that_the_decision_can_be_replayed_from():
    found = judged(series([50.0] * 9 + [70.0], mixed(9, 40.0, None), source=SIMULATED))
    inputs = json.loads(json.dumps(found.inputs(0), allow_nan=False))
    assert inputs["samples"]["cpu"] == [50.0] * 9 + [70.0]
    assert inputs["samples"]["memory"] == [40.0] * 9 + [None]
    assert inputs["samples"]["timestamp"][-1] == "2025-05-08T06:13:20+00:00"
    assert inputs["votes"] == {"up": 2, "down": 0, "needed": 2}
    assert inputs["shares"] == {"low": 0.0, "high": 0.0}
    assert inputs["statistics"]["network_in"] is None
    assert (inputs["policy"]["cpu_high"], inputs["window_s"], inputs["period_s"]) == (90.0, 300.0, 30.0)


def test_simulated_windows_are_told():
    assert judged(series([95.0] * 10, source=SIMULATED), series([95.0] * 10)).simulated.tolist() == [
        True,
        False,
    ]


def test_there_may_be_nothing_to_judge():
    found = judged(series([]))
    assert (len(found), found.inputs(0)["samples"]["cpu"]) == (1, [])


# --- Outliers on arrival ---------------------------------------------------------------------
def test_a_new_sample_is_flagged_by_metric_and_direction():
    """Two bits a metric, high then low: CPU high is 1, memory low 8, network in high 16, out low 128."""
    before = windows(series([50.0] * 10, [50.0] * 10, [1e6] * 10, [1e6] * 10))
    new = np.array([[70.0], [30.0], [2e6], [0.0]])
    assert outliers(before, new).tolist() == [1 + 8 + 16 + 128]


def test_what_is_usual_or_unknown_is_not_flagged():
    before = windows(series([50.0] * 10), series([50.0] * 3), series([]))
    assert outliers(before, np.array([[55.0, 99.0, 99.0]] + [[99.0] * 3] * 3)).tolist() == [0, 0, 0]
