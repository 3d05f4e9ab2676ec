"""The benchmark's score, against figures computed by hand from its rules."""

import math

import pytest

from benchmarks import nab
from benchmarks.nab import STANDARD, Window, normalised, probation, score

TWO = [Window(200, 299), Window(600, 649)]


def standard(alarms, windows=TWO, profile=STANDARD):
    return normalised([score(alarms, windows, rows=1000, profile=profile)], profile)


def sigmoid(x):
    return 2 / (1 + math.exp(5 * x)) - 1


@pytest.mark.parametrize("profile", [STANDARD, nab.FEW_FALSE_ALARMS, nab.FEW_MISSES])
def test_silence_scores_0_and_perfection_100(profile):
    assert standard([], profile=profile) == 0
    assert standard([200, 600], profile=profile) == pytest.approx(100)


def test_an_alarm_in_the_middle_of_a_window_earns_what_the_sigmoid_says():
    # Row 250 of 200-299: position -(299 - 250 + 1) / 100 = -0.5; the other window is missed.
    credit = sigmoid(-0.5) / sigmoid(-1)
    assert credit == pytest.approx(0.8482 / 0.9866, abs=1e-4)
    assert score([250], TWO, rows=1000, profile=STANDARD).raw == pytest.approx(credit - 1)


def test_of_a_window_only_the_earliest_alarm_counts():
    assert standard([250, 251, 299]) == standard([250])


def test_an_alarm_before_any_window_costs_its_full_weight():
    assert score([170], TWO, rows=1000, profile=STANDARD).raw == pytest.approx(-2 - 0.11)


@pytest.mark.parametrize(
    ("row", "cost"),
    [(300, -sigmoid(1 / 99)), (349, -sigmoid(50 / 99)), (596, -sigmoid(297 / 99)), (597, 1.0)],
    ids=["next row", "half a width", "three widths", "beyond"],
)
def test_an_alarm_behind_a_window_costs_by_its_distance_in_widths(row, cost):
    assert score([row], TWO, rows=1000, profile=STANDARD).raw == pytest.approx(-2 - 0.11 * cost)


@pytest.mark.parametrize(("rows", "first"), [(1000, 150), (5000, 750), (20_000, 750)])
def test_the_first_rows_do_not_count(rows, first):
    assert probation(rows) == first
    assert score([first - 1], [], rows=rows, profile=STANDARD).raw == 0
    assert score([first], [], rows=rows, profile=STANDARD).raw == pytest.approx(-0.11)


def test_a_false_alarm_costs_as_much_in_a_file_without_windows():
    quiet = score([], TWO, rows=1000, profile=STANDARD)
    noisy = score([500], [], rows=1000, profile=STANDARD)
    # Two windows: silence -2, perfection 2, so 0.11 of 4 are 2.75 points of 100.
    assert normalised([quiet, noisy], STANDARD) == pytest.approx(-2.75)


def test_nothing_labelled_has_no_score():
    assert standard([500], windows=[]) is None


def test_a_missed_window_costs_twice_where_misses_count_more():
    # Found at its first row 1, missed -2; of silence -4 and perfection 2: (1 - 2 + 4) / 6.
    assert standard([200], profile=nab.FEW_MISSES) == pytest.approx(50)
