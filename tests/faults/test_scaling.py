"""Workers that are killed while they scale: what was asked for happens once, and the books say whether."""

import pytest

pytestmark = pytest.mark.timeout(240)

ACTIONS = 50
KILLS = 8
LATENCY_S = 0.6
REFUSED = "unavailable@SetDesiredCapacity=0.15"


def asking(cluster, chance):
    """Return a worker that is having something scaled, any worker when all is done, and else nothing."""
    names = cluster.crew.names("io")
    if busy := [name for name in names if cluster.asks(name)]:
        return chance.choice(busy)
    return names[0] if cluster.books.is_quiet() else None


def test_killed_workers_scale_at_most_once_and_every_decision_is_settled(cluster, chance):
    cluster.aws.behave(latency_ms=1000 * LATENCY_S, faults=[REFUSED])
    cluster.scale(ACTIONS)
    for _ in range(KILLS):
        victim = cluster.until(lambda: asking(cluster, chance), within_s=60, what="AWS is asked")
        cluster.let_pass(chance.uniform(0, LATENCY_S))
        cluster.crew.kill(victim)
        cluster.crew.look_after()
        cluster.wait_ready(victim)
    cluster.wait_quiet(within_s=150)
    effects, decisions = cluster.aws.desired(), cluster.books.decisions()
    assert {name: values for name, values in effects.items() if values != [6]} == {}
    outcomes = {one.instance_id: (one.outcome, one.level) for one in decisions}
    assert outcomes == {name: ("applied", 2) if name in effects else ("failed", 1) for name in outcomes}
    assert len(outcomes) == ACTIONS
    assert cluster.books.lost_workers() >= KILLS
