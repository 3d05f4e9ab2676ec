"""The simulation of daily runs, in small, against an AWS that fails so often that the ledger must retry."""

import pytest

from benchmarks import bench_reliability
from benchmarks.bench_reliability import Order


@pytest.fixture(scope="module")
def url():
    with bench_reliability.stub() as address:
        yield address


@pytest.mark.django_db
def test_daily_runs_survive_an_aws_that_often_fails_and_store_each_row_once(url):
    figures = bench_reliability.simulated(Order(runs=4, rate=0.4, seed=7), url)
    assert 0.3 < figures["failed_share"] < 0.5
    assert figures["ledger_retries"] > 0
    assert (figures["succeeded"], figures["partial"], figures["failed"]) == (4, 0, 0)
    assert (figures["lost_rows"], figures["doubled_rows"]) == (0, 0)


@pytest.mark.django_db
def test_the_simulation_counts_runs_of_which_all_that_asks_aws_fails(url):
    figures = bench_reliability.simulated(Order(runs=1, rate=1.0, seed=1), url)
    # There are no billing files, which is a success of that part.
    assert (figures["success_rate"], figures["partial"]) == (0.0, 1)
