"""Mocks measure 40 to 50 %, the same each time, and so smoothly that no rule ever speaks."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from core.epoch import microseconds
from scaling import rules
from scaling.columns import Samples
from scaling.rules import Policies, Rule
from scaling.services import mock
from scaling.windows import Windows

NOON = datetime(2026, 3, 20, 12, tzinfo=UTC)
HALF_MINUTE = timedelta(seconds=30)
SEEDS = np.random.default_rng(7).integers(2**64, size=500, dtype=np.uint64)


def day(seeds=SEEDS, step=HALF_MINUTE):
    """What the mocks measure in a day: moments x metrics x instances."""
    return np.stack([mock.values(seeds, NOON + n * step, 0) for n in range(timedelta(days=1) // step)])


def test_cpu_and_memory_stay_between_40_and_50_percent():
    percent = day()[:, :2]
    assert percent.min() >= 40
    assert percent.max() <= 50


def test_network_is_whole_bytes_of_an_ordinary_machine():
    network = mock.values(SEEDS, NOON, 0)[2:]
    assert (network == np.rint(network)).all()
    assert network.min() > 100_000
    assert network.max() < 10_000_000


def test_the_same_seed_instance_and_moment_measure_the_same():
    np.testing.assert_array_equal(mock.values(SEEDS, NOON, 3), mock.values(SEEDS, NOON, 3))


@pytest.mark.parametrize(
    "other",
    [
        mock.values(SEEDS + np.uint64(1), NOON, 0),
        mock.values(SEEDS, NOON + HALF_MINUTE, 0),
        mock.values(SEEDS, NOON, 1),
    ],
    ids=["instance", "moment", "seed"],
)
def test_anything_else_measures_something_else(other):
    assert (mock.values(SEEDS, NOON, 0) != other).mean() > 0.99


def test_a_mock_measures_the_same_whoever_is_measured_with_it():
    np.testing.assert_array_equal(mock.values(SEEDS, NOON, 0)[:, 5:6], mock.values(SEEDS[5:6], NOON, 0))


def test_no_rule_speaks_and_nothing_is_an_outlier_in_a_day_of_500_mocks():
    """Each window of ten samples, and of four, which are the fewest that can be judged."""
    values = day()
    for size in (4, 10):
        for end in range(size, len(values), 7):
            assert_steady(values[end - size : end], values[end])


def assert_steady(window, newest):
    size, _, count = window.shape
    times = [microseconds(NOON + n * HALF_MINUTE) for n in range(size)]
    rows = np.arange(count, dtype=np.int32)
    samples = Samples(
        np.repeat(rows, size),
        np.tile(times, count),
        np.full(count * size, 2, np.int16),
        np.zeros(count * size, np.int16),
        window.transpose(1, 2, 0).reshape(4, -1),
    )
    windows = Windows.of(samples, rows, np.full(count, 300 * 10**6))
    policies = Policies(*(np.full(count, value) for value in (90.0, 90, 10, 20, 0.8, 300, 4, 60)))
    verdicts = rules.evaluate(windows, policies, times[-1], np.full(count, 30.0))
    assert (verdicts.rule == Rule.STEADY).all()
    assert not rules.outliers(windows, newest).any()
