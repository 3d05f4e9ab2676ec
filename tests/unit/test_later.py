"""What workers do later is done at its time, again while the database is away, and never in their slots."""

import os
import threading
import time

import pytest
from django.db import OperationalError

from core.errors import LeaseLostError
from pipelines import later as module
from pipelines.later import Later


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(module, "AGAIN_AFTER_S", 0.01)


@pytest.fixture
def later():
    begun = Later()
    begun.begin()
    return begun


class Done:
    """Notes when it was called, after failing with each of the errors."""

    def __init__(self, *errors):
        self.errors, self.calls = list(errors), 0
        self.event = threading.Event()

    def __call__(self):
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        self.event.set()

    @property
    def happened(self):
        return self.event.wait(5)


def test_does_it_at_its_time_in_another_thread(later):
    done, start = Done(), time.monotonic()
    later.do(done, after_s=0.1)
    assert done.happened
    assert time.monotonic() - start >= 0.1


def test_does_first_what_is_due_first(later):
    order, last = [], Done()
    later.do(lambda: (order.append("late"), last()), after_s=0.1)
    later.do(lambda: order.append("early"), after_s=0.05)
    assert last.happened
    assert order == ["early", "late"]


def test_tries_again_while_the_database_is_away(later):
    done = Done(OperationalError(), OperationalError())
    later.do(done)
    assert done.happened
    assert done.calls == 3


def test_gives_up_when_the_database_stays_away(later, monkeypatch):
    monkeypatch.setattr(module, "GIVE_UP_AFTER_S", 0.0)
    lost, after = Done(OperationalError()), Done()
    later.do(lost)
    later.do(after, after_s=0.05)
    assert after.happened
    assert lost.calls == 1


@pytest.mark.parametrize("error", [LeaseLostError("taken over"), ValueError("unforeseen")])
def test_goes_on_after_other_errors(later, error):
    failed, after = Done(error), Done()
    later.do(failed)
    later.do(after)
    assert after.happened
    assert failed.calls == 1


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_begins_anew_in_a_process_that_was_forked_off(later):
    settled = Done()
    later.do(settled)
    assert settled.happened
    child = os.fork()
    if child == 0:
        later.begin()
        done = Done()
        later.do(done)
        os._exit(0 if done.happened else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_does_nothing_in_a_process_that_is_no_worker():
    done, idle = Done(), Later()
    idle.do(done)
    idle.begin()
    last = Done()
    idle.do(last)
    assert last.happened
    assert done.calls == 0
