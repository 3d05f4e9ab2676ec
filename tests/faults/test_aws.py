"""AWS that throttles, fails in the middle of a list, or does not accept who asks."""

from math import ceil

import pytest

from benchmarks.stub.estate import PAGE
from benchmarks.stub.protocol import ACCOUNT
from tests.faults import invariants
from tests.faults.aws import TROUBLE
from tests.faults.load import collected, keep_up

pytestmark = pytest.mark.timeout(240)

ROUNDS = 3


def rounds(cluster, number):
    """Collect so often, and return how many calls that took."""
    before = sum(cluster.aws.calls().values())
    for _ in range(number):
        keep_up(cluster)
        cluster.wait_quiet(within_s=90)
    return sum(cluster.aws.calls().values()) - before


def test_runs_succeed_with_half_as_many_calls_again_while_aws_refuses_three_in_ten(cluster):
    cluster.aws.behave(latency_ms=20)
    rounds(cluster, 1)
    undisturbed = rounds(cluster, 1)
    cluster.aws.behave(latency_ms=20, faults=TROUBLE)
    assert rounds(cluster, ROUNDS) <= 1.5 * ROUNDS * undisturbed
    assert invariants.failures(cluster.books) == []
    cluster.aws.behave()
    assert collected(cluster) == []


@pytest.mark.usefixtures("informed")
def test_page_that_is_refused_marks_nothing_as_gone(cluster):
    for page in range(1, ceil(cluster.size.instances / PAGE) + 1):
        faults = [f"denied@{action}=page{page}" for action in ("DescribeInstances", "DescribeVolumes")]
        cluster.aws.behave(latency_ms=0, faults=faults)
        assert cluster.finish("ec2", within_s=30).status in {"partial", "failed"}
        assert cluster.books.ever_gone() == 0, f"page {page}"
    assert nothing_gone(cluster)


@pytest.mark.usefixtures("informed")
def test_page_that_is_torn_is_read_again_and_marks_nothing_as_gone(cluster):
    faults = ["torn@DescribeInstances=#1,#4", "torn@DescribeVolumes=#2,#3"]
    cluster.aws.behave(latency_ms=0, faults=faults)
    assert cluster.finish("ec2", within_s=90).status == "succeeded"
    assert nothing_gone(cluster)


def nothing_gone(cluster):
    """Say whether all that AWS has is there, now and after another scan."""
    before = cluster.books.inventory()
    cluster.aws.behave()
    assert cluster.finish("ec2", within_s=60).status == "succeeded"
    return set(before.values()) == set(cluster.books.inventory().values()) == {cluster.aws.instances}


@pytest.mark.usefixtures("informed")
@pytest.mark.parametrize("kind", ["expired", "denied"])
def test_refused_credentials_cost_two_calls_a_run_and_one_alert(cluster, kind):
    cluster.aws.behave(faults=[f"{kind}=1"])
    for number in (1, 2):
        assert cluster.finish("ec2", within_s=30).status != "succeeded"
        asked = sum(cluster.aws.calls().values())
        assert asked <= 2 * number
        assert [alert.key for alert in cluster.books.open_alerts()] == [f"access:{ACCOUNT}"]
    repaired(cluster, times=3)
    assert sum(cluster.aws.calls().values()) == asked


def repaired(cluster, *, times):
    """Wait until the ledger has been looked after so often."""

    def looks():
        return sum(cluster.crew.said(name, "tasks.reconcile") for name in cluster.crew.names("io"))

    wanted = looks() + 2 * times
    cluster.until(lambda: looks() >= wanted, within_s=30, what="the ledger is looked after")
