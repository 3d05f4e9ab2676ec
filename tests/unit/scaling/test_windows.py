"""Windows: the newest samples of each instance by their own timestamps."""

import numpy as np
import pytest

from scaling.models import Source
from scaling.windows import SIMULATED, Windows
from tests.unit.scaling.series import NEWEST_US, samples, series, windows


def cpu(found, i):
    return found.row(i).values[0].tolist()


def test_a_window_is_what_is_later_than_its_newest_sample_less_its_reach():
    """A sample every 30 s: 300 s before the newest is out, 270 s is in, which makes ten."""
    found = windows(series(list(range(20))))
    assert cpu(found, 0) == list(range(10, 20))


def test_a_window_ends_with_the_newest_sample_of_its_own_instance():
    late, early = series([1.0, 2.0, 3.0]), series([4.0, 5.0, 6.0])
    early.time = early.time - 86_400_000_000
    found = windows(late, early, reach_us=60_000_000)
    assert (cpu(found, 0), cpu(found, 1)) == ([2.0, 3.0], [5.0, 6.0])
    assert found.newest_us().tolist() == [NEWEST_US, NEWEST_US - 86_400_000_000]


def test_each_row_has_its_own_reach():
    same = samples(series([1.0, 2.0, 3.0]), series([4.0, 5.0, 6.0]))
    found = Windows.of(same, np.array([1, 2], np.int32), np.array([30_000_000, 60_000_001], np.int64))
    assert (cpu(found, 0), cpu(found, 1)) == ([3.0], [4.0, 5.0, 6.0])


def test_an_instance_without_samples_has_an_empty_row():
    only_the_second = samples(series([]), series([7.0]), series([]))
    found = Windows.of(only_the_second, np.array([1, 2, 3], np.int32), np.full(3, 300_000_000))
    assert found.is_empty.tolist() == [True, False, True]
    assert np.isnan(found.current()[:, [0, 2]]).all()
    assert found.current()[0, 1] == 7.0


def test_there_may_be_no_samples_at_all():
    found = windows(series([]), series([]))
    assert (len(found), found.blocks, found.known.tolist()) == (2, (), [0, 0])


def test_samples_of_others_are_passed_over():
    found = Windows.of(
        samples(series([1.0]), series([2.0]), series([3.0])), np.array([2], np.int32), np.array([300_000_000])
    )
    assert (len(found), cpu(found, 0)) == (1, [2.0])


def test_known_samples_are_those_of_which_cpu_or_memory_is_known():
    """The known ones are the second to the fifth: four within three times 30 s."""
    found = windows(series([None, 1.0, None, None, 2.0, None], [None, None, 3.0, 4.0, None, None], [5.0] * 6))
    assert (found.known.tolist(), found.span_us.tolist()) == ([4], [90_000_000])


@pytest.mark.parametrize(("simulated_at", "expected"), [(19, True), (10, True), (9, False)])
def test_a_window_is_simulated_when_any_of_its_samples_is(simulated_at, expected):
    sources = np.full(20, Source.MOCK)
    sources[simulated_at] = SIMULATED
    assert windows(series([50.0] * 20, source=sources)).simulated.tolist() == [expected]


def test_blocks_hold_each_window_once_with_its_newest_sample_last():
    found = windows(*(series([float(count)] * count) for count in range(11)))
    assert sorted(np.concatenate([block.rows for block in found.blocks])) == list(range(1, 11))
    for block in found.blocks:
        assert block.values[-1, 0].tolist() == block.rows.tolist()
        assert np.isfinite(block.values[:, 0]).sum(axis=0).tolist() == block.rows.tolist()


def test_one_long_window_widens_no_other():
    """A thousand windows of 10 samples beside one of 2,880 take 10,000 + 2,880 cells, not 2,880 x 1,001."""
    found = windows(*([series([50.0] * 10)] * 1000), series([50.0] * 2880), reach_us=86_400_000_000)
    assert sum(block.outlier.size for block in found.blocks) == 10 * 1000 + 2880


def test_the_source_that_counts_as_simulated_is_that_of_the_models():
    assert SIMULATED == Source.SIMULATED
