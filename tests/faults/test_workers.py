"""Workers that are killed, poisoned, restarted or stalled in the midst of work."""

import pytest

from tests.faults.cluster import TAKEN_OVER_S
from tests.faults.load import busy, collected

pytestmark = pytest.mark.timeout(240)

KILLS = 5
REFUSED = "was taken over by another worker"


def taken_over(cluster, held):
    """Wait until others have claimed or ended what a worker held."""
    cluster.until(lambda: not cluster.books.still_held(held), within_s=TAKEN_OVER_S, what="all is taken over")


def doing(cluster, part):
    """Return which worker does a step with that part of a name, None where none does."""
    return next((name for name in cluster.crew.names("io") if cluster.does(name, part)), None)


@pytest.mark.usefixtures("informed")
def test_killed_workers_lose_no_step_and_write_no_row_twice(cluster, chance):
    for _ in range(KILLS):
        victim = busy(cluster, chance.choice(cluster.crew.names("io")))
        cluster.let_pass(chance.uniform(0, 1))
        held = cluster.held_by(victim)
        cluster.crew.kill(victim)
        taken_over(cluster, held)
    assert collected(cluster) == []


@pytest.mark.usefixtures("informed")
def test_poison_is_quarantined_and_its_neighbours_finish(cluster):
    busy(cluster)
    run = cluster.finish("poison", within_s=4 * TAKEN_OVER_S)
    (poison,) = cluster.books.steps(run.id)
    assert (poison.status, poison.attempt, poison.lost_workers) == ("failed", 4, 4)
    (alert,) = cluster.books.open_alerts()
    assert (alert.key, alert.severity) == ("run:poison:all", "critical")
    # It took its neighbours down with the first of its workers, and then only itself.
    neighbours = [step for step in cluster.books.steps() if step.run_id != run.id]
    assert max(step.lost_workers for step in neighbours) <= 1
    assert collected(cluster) == [f"poison failed: {run.error}"]


@pytest.mark.usefixtures("informed")
def test_rolling_restart_loses_nothing_and_waits_for_no_lease(cluster):
    for name in cluster.crew.names("io"):
        busy(cluster, name)
        restart(cluster, name)
    cluster.wait_quiet(within_s=30)
    assert cluster.books.lost_workers() == 0
    assert collected(cluster) == []


@pytest.mark.usefixtures("informed")
def test_worker_gives_back_what_it_cannot_finish_in_time(cluster):
    # Three calls a step take nine seconds, and a worker has five before it gives back.
    cluster.aws.behave(latency_ms=3000)
    cluster.start("metrics")
    leaving = cluster.until(lambda: doing(cluster, "/metrics/"), within_s=30, what="metrics are read")
    before = cluster.crew.said(leaving, "gave back")
    restart(cluster, leaving)
    assert cluster.crew.said(leaving, "gave back") > before
    cluster.aws.behave()
    cluster.wait_quiet(within_s=30)
    assert cluster.books.lost_workers() == 0
    assert collected(cluster) == []


def restart(cluster, name):
    """Restart a worker as for a new version: it has ten seconds to end."""
    assert cluster.crew.stop(name, within_s=10), f"{name} did not end by itself"
    cluster.crew.look_after()
    cluster.wait_ready(name)


def test_late_answers_of_a_stalled_worker_are_refused(cluster):
    cluster.aws.behave(latency_ms=3000)
    slot = cluster.start("ec2")
    stalled = cluster.until(lambda: doing(cluster, "/instances/"), within_s=30, what="a page is asked for")
    cluster.let_pass(1)
    cluster.stall(stalled)
    held = cluster.held_by(stalled)
    wanted = cluster.crew.said(stalled, REFUSED) + len(held)
    assert held
    cluster.aws.behave(latency_ms=0)
    run = cluster.finished("ec2", slot, within_s=TAKEN_OVER_S + 30)
    steps = cluster.books.steps(run.id)
    cluster.resume()
    cluster.until(
        lambda: cluster.crew.said(stalled, REFUSED) >= wanted,
        within_s=30,
        what="the late worker is refused",
    )
    assert cluster.books.steps(run.id) == steps
    assert collected(cluster) == []


def test_worker_that_stalls_while_writing_holds_up_nobody(cluster):
    with cluster.gate_closed() as at_gate:
        slot = cluster.start("stuck")
        cluster.until(at_gate, within_s=30, what="the step stands in its transaction")
        stalled = doing(cluster, "stuck")
        cluster.stall(stalled)
    assert cluster.finish("ec2", within_s=TAKEN_OVER_S).status == "succeeded"
    run = cluster.finished("stuck", slot, within_s=TAKEN_OVER_S)
    (step,) = cluster.books.steps(run.id)
    assert (run.status, step.lost_workers) == ("succeeded", 1)
    cluster.resume()
    cluster.wait_ready(stalled)
    assert cluster.books.steps(run.id) == [step]
    assert collected(cluster) == []
