"""Quartiles and fences of windows of every length: sorted by a network up to 64 samples, by numpy beyond."""

import numpy as np
import pytest

from scaling.quartiles import fences, tally

UNFLAGGED = np.int16(0)


@pytest.mark.parametrize("count", [*range(1, 71), 300])
def test_quartiles_are_those_of_numpy(count):
    values = np.random.default_rng(count).uniform(0, 100, (count, 4, 50))
    found = fences(values, np.full((count, 50), UNFLAGGED), np.ones(50))
    assert np.allclose(found.q1, np.quantile(values, 0.25, axis=0), rtol=1e-12)
    assert np.allclose(found.q3, np.quantile(values, 0.75, axis=0), rtol=1e-12)


@pytest.mark.parametrize("count", [10, 100])
def test_unknown_values_are_left_out(count):
    values = np.random.default_rng(count).uniform(0, 100, (count, 4, 50))
    values[np.random.default_rng(1).random(values.shape) < 0.3] = np.nan
    found = fences(values, np.full((count, 50), UNFLAGGED), np.ones(50))
    assert np.allclose(found.q1, np.nanquantile(values, 0.25, axis=0), rtol=1e-12)


def test_a_metric_without_values_has_no_fences():
    found = fences(np.full((10, 4, 1), np.nan), np.full((10, 1), UNFLAGGED), np.ones(1))
    assert np.isnan([found.q1, found.q3, found.lower, found.upper]).all()


@pytest.mark.parametrize("count", [255, 256, 70_000])
def test_a_tally_holds_the_largest_count_there_is(count):
    assert tally(np.ones((count, 2), np.bool_)).tolist() == [count, count]
