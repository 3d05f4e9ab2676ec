import pytest

from pipelines import backlog, registry


@pytest.mark.parametrize(
    ("count", "extra", "workers"),
    [(0, 0, 0), (1, 0, 1), (2, 0, 1), (3, 0, 2), (3, 2, 4), (19, 0, 10), (1000, 0, 10), (0, 1, 1)],
)
def test_a_worker_is_wanted_for_each_two_pieces_of_work_and_the_extra_ones_beside_them(count, extra, workers):
    assert backlog.wanted(count, extra, least=0, most=10) == workers


def test_as_many_workers_as_are_kept_at_least_are_wanted_without_work():
    assert backlog.wanted(0, 0, least=2, most=4) == 2


def test_what_is_not_counted_is_what_goes_through_the_queue_of_actions():
    assert set(backlog.NOT_COUNTED) == set(registry.through("actions"))
