"""How often, and after which pauses, work is tried again: plain arithmetic."""

import random

import pytest

from pipelines.registry import ETL_RETRY, Retry


@pytest.fixture
def chance(monkeypatch):
    """Fix what chance adds: `chance(1.5)` makes each pause half as long again."""
    return lambda factor: monkeypatch.setattr(random, "uniform", lambda _low, _high: factor)


def test_pauses_double_up_to_the_longest_and_vary_upwards():
    policy = Retry(times=9, first_s=4, longest_s=60)
    for retries, shortest_s in enumerate([4, 8, 16, 32]):
        pauses = [policy.pause_s(retries) for _ in range(200)]
        assert shortest_s <= min(pauses) < max(pauses) <= 1.5 * shortest_s


@pytest.mark.parametrize("factor", [1.0, 1.25, 1.5])
def test_chance_makes_no_pause_longer_than_the_longest(chance, factor):
    chance(factor)
    policy = Retry(times=9, first_s=30, longest_s=600)
    # 30 * 2 ** 5 is 960, and 30 * 2 ** 4 is 480, which half as much again would make 720.
    assert [policy.pause_s(retries) for retries in (4, 5, 8)] == [min(600, 480 * factor), 600, 600]


def test_the_document_doubles_four_times_at_most(chance):
    chance(1.0)
    pauses = [ETL_RETRY.pause_s(retries) for retries in range(7)]
    assert pauses == [30, 60, 120, 240, 480, 480, 480]


def test_the_document_tries_three_times_more(chance):
    chance(1.0)
    assert [ETL_RETRY.next_pause_s(retries, spent_s=0) for retries in range(4)] == [30, 60, 120, None]


@pytest.mark.parametrize(
    ("spent_s", "pause_s"), [(3570.0, 30.0), (3570.1, None)], ids=["in time", "too late"]
)
def test_no_retry_begins_later_than_an_hour_after_the_first_attempt(chance, spent_s, pause_s):
    chance(1.0)
    assert ETL_RETRY.next_pause_s(0, spent_s=spent_s) == pause_s


def test_other_pipelines_may_be_tried_again_however_late(chance):
    chance(1.0)
    assert Retry().next_pause_s(0, spent_s=1e6) == 4
