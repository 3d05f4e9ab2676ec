"""Servers and beats that end in the midst of work, and start again."""

from datetime import timedelta

import pytest

from tests.faults.load import busy, collected, keep_up

pytestmark = pytest.mark.timeout(240)

COMPLETE_S = 60
RESUME_S = 30
GAP_S = 30
EVERY_S = 3


def overload(cluster):
    """Keep the load up until there are more messages than workers take."""

    def queued():
        keep_up(cluster)
        return cluster.queued()

    cluster.until(queued, within_s=30, what="more messages than workers take")


@pytest.mark.usefixtures("informed")
@pytest.mark.parametrize("loses_memory", [False, True], ids=["killed", "flushed"])
def test_work_is_complete_a_minute_after_the_broker_was_gone(cluster, loses_memory):
    overload(cluster)
    if loses_memory:
        cluster.flush()
    else:
        cluster.restart("valkey", gently=False)
    cluster.wait_quiet(within_s=COMPLETE_S)
    assert collected(cluster) == []


@pytest.mark.usefixtures("informed")
def test_workers_resume_once_the_database_is_back(cluster):
    for gently in (True, False):
        busy(cluster)
        cluster.restart("postgres", gently=gently)
        cluster.wait_quiet(within_s=RESUME_S)
    assert collected(cluster) == []


def test_three_beats_start_each_slot_once_though_one_is_killed(cluster):
    others = ("beat-1", "beat-2")
    cluster.crew.start(*map(cluster.beat, others))
    try:
        cluster.books.schedule("tick", every_s=EVERY_S)
        served(cluster, slots=2)
        cluster.crew.kill("beat-0")
        served(cluster, slots=4)
    finally:
        cluster.crew.dismiss(*others)
    cluster.wait_quiet(within_s=30)
    runs = cluster.books.runs("tick")
    slots = [run.scheduled_for for run in runs]
    assert slots == [slots[0] + number * timedelta(seconds=EVERY_S) for number in range(len(slots))]
    assert max(run.created_at - run.scheduled_for for run in runs) <= timedelta(seconds=GAP_S)


def served(cluster, *, slots):
    """Wait until so many slots more have been served."""
    wanted = len(cluster.books.runs("tick")) + slots
    cluster.until(
        lambda: len(cluster.books.runs("tick")) >= wanted,
        within_s=slots * EVERY_S + GAP_S,
        what=f"{slots} slots are served",
    )
