"""How many workers there are, decided look by look, with a supervisor that only notes what it is told."""

import pytest
from django.db import OperationalError

from cloudintel_project import elastic, programs
from cloudintel_project.elastic import CALM_S, STALE_S, Bounds, Elastic, Look, Watch
from core.errors import InvalidInputError
from pipelines import backlog


class Keeper:
    """Notes which programs run, and which are on their way out."""

    def __init__(self):
        self.running = []
        self.leaving = set()

    def start(self, wanted):
        self.running += [program.name for program in wanted]

    def dismiss(self, name, *, within_s):
        self.running.remove(name)
        self.leaving.add(name)

    def names(self):
        return {*self.running, *self.leaving}


class Platform:
    """Workers by backlog, looked at once a second from second 100 on."""

    def __init__(self, bounds):
        self.keeper, self.said, self.now = Keeper(), [], 100.0
        self.elastic = Elastic(self.keeper, Bounds.parse(bounds), env={}, say=self.said.append)
        self.keeper.start(self.elastic.first())

    def look(self, count, *, seconds=1, extra=0, busy=()):
        """Let time pass with so much work each second; return who runs then."""
        nodes = frozenset(programs.node(name) for name in busy)
        for _ in range(seconds):
            self.now += 1
            self.elastic.follow(Look(count, extra, nodes, self.now), self.now)
        return self.keeper.running


# --- WORKERS ---------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("text", "least", "most"), [("0..10", 0, 10), ("2", 2, 2), ("1..4", 1, 4), (" 50 ", 50, 50)]
)
def test_workers_are_a_range_or_one_number(text, least, most):
    assert Bounds.parse(text) == Bounds(least, most)


@pytest.mark.parametrize("text", ["x", "-1", "..3", "3..", "3..2", "0", "0..0", "0..51", "1.5", "1...2", "٣"])
def test_workers_that_are_no_such_range_are_refused_by_name(text):
    with pytest.raises(InvalidInputError, match=r"WORKERS must be .* not "):
        Bounds.parse(text)


# --- Up --------------------------------------------------------------------------------------
def test_without_work_there_are_as_few_workers_as_there_may_be():
    assert Platform("0..10").look(0, seconds=60) == []
    assert Platform("2..10").look(0, seconds=60) == ["worker-1", "worker-2"]


def test_work_starts_all_the_workers_that_it_is_worth_at_once():
    assert Platform("0..10").look(7) == ["worker-1", "worker-2", "worker-3", "worker-4"]


def test_no_more_workers_are_started_than_there_may_be():
    assert len(Platform("0..10").look(1000)) == 10


def test_extra_workers_come_beside_those_for_the_backlog():
    assert len(Platform("0..10").look(2, extra=2)) == 3


def test_one_line_tells_of_a_change():
    platform = Platform("0..10")
    platform.look(40, seconds=30)
    assert platform.said == ["10 workers instead of 0; work ready or being done: 40."]


def test_a_worker_is_wanted_for_as_much_as_it_does_at_once():
    (option,) = (each for each in programs.worker_elastic(1, env={}).argv if "concurrency" in each)
    assert option == f"--concurrency={backlog.SLOTS}"


# --- Down ------------------------------------------------------------------------------------
def test_all_workers_stop_once_nothing_was_to_be_done_for_a_while():
    platform = Platform("0..10")
    platform.look(20)
    assert len(platform.look(0, seconds=int(CALM_S) - 1)) == 10
    assert platform.look(0) == []
    assert platform.said[1:] == ["0 workers instead of 10; work ready or being done: 0."]


def test_as_many_stay_as_were_wanted_at_any_moment_of_that_while():
    platform = Platform("0..10")
    platform.look(20)
    platform.look(0, seconds=10)
    platform.look(6)
    assert platform.look(0, seconds=10) == ["worker-1", "worker-2", "worker-3"]


def test_a_worker_that_does_something_is_not_stopped():
    platform = Platform("0..3")
    platform.look(6)
    assert platform.look(1, seconds=60, busy=["worker-2"]) == ["worker-2"]


def test_where_all_do_something_none_is_stopped():
    platform = Platform("0..3")
    everybody = list(platform.look(6))
    assert platform.look(3, seconds=60, busy=everybody) == everybody


def test_the_name_of_a_worker_that_is_still_ending_is_not_used_again():
    platform = Platform("0..3")
    platform.look(2)
    platform.look(0, seconds=int(CALM_S))
    assert platform.look(2) == ["worker-2"]
    platform.keeper.leaving.clear()
    assert platform.look(4) == ["worker-2", "worker-1"]


# --- Without answers -------------------------------------------------------------------------
def test_a_database_that_does_not_answer_changes_nothing():
    platform = Platform("0..10")
    platform.look(20)
    last = Look(0, 0, frozenset(), platform.now + 1)
    for second in range(1, 120):
        platform.elastic.follow(last, platform.now + second)
    assert len(platform.keeper.running) == 10


def test_the_time_without_answers_is_no_time_without_work():
    platform = Platform("0..10")
    platform.look(20)
    platform.look(0)
    platform.now += STALE_S + CALM_S
    platform.elastic.follow(None, platform.now)
    assert len(platform.look(0)) == 10
    assert platform.look(0, seconds=int(CALM_S)) == []


def test_before_the_first_answer_nothing_is_started():
    platform = Platform("0..10")
    platform.elastic.follow(None, platform.now)
    assert platform.keeper.running == []


def test_the_last_look_stays_while_the_database_is_away(monkeypatch):
    def away():
        raise OperationalError("away")

    closed = []
    monkeypatch.setattr(elastic.connection, "close", lambda: closed.append(True))
    monkeypatch.setattr(backlog, "count", away)
    watch = Watch()
    watch.last = look = Look(3, 0, frozenset(), 1.0)
    watch.look()
    assert watch.last is look
    assert closed
