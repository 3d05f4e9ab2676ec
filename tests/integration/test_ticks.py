"""A slot is taken once, whoever fires how often; two firings a period apart get two slots."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, transaction

from pipelines import ticks
from pipelines.models import Tick

pytestmark = pytest.mark.django_db(transaction=True)
NOON = datetime(2026, 3, 20, 12, tzinfo=UTC)
PERIOD = timedelta(seconds=15)


def claim(seconds, name="decide"):
    """Claim so many seconds after noon; return the slot likewise."""
    slot = ticks.claim(name, PERIOD, NOON + timedelta(seconds=seconds))
    return None if slot is None else (slot - NOON).total_seconds()


def test_takes_the_slot_that_is_running():
    assert claim(7) == 0
    assert claim(22) == 15


def test_a_double_gets_nothing():
    assert claim(7) == 0
    assert claim(7) is None
    assert claim(12.9) is None


@pytest.mark.parametrize(
    ("fired", "taken"),
    [([15.1, 29.9, 45.1, 59.9], [15, 30, 45, 60]), ([14.9, 30.1, 44.9, 60.1], [0, 30, 45, 60])],
    ids=["earlier and later", "later and earlier"],
)
def test_two_firings_a_period_apart_get_two_slots(fired, taken):
    assert [claim(seconds) for seconds in fired] == taken


def test_a_slot_is_taken_ahead_only_when_the_running_one_is_taken():
    assert claim(13) == 0
    assert claim(13) == 15
    assert claim(13) is None


def test_two_beats_out_of_phase_take_each_slot_once():
    firings = sorted([3 + 15 * n for n in range(8)] + [14 + 15 * n for n in range(8)])
    slots = [slot for seconds in firings if (slot := claim(seconds)) is not None]
    assert sorted(set(slots)) == slots
    assert len(slots) == 9


def test_a_slot_that_has_passed_is_not_taken_any_more():
    assert ticks.take("decide", NOON + PERIOD, PERIOD, NOON + PERIOD)
    assert not ticks.take("decide", NOON, PERIOD, NOON + PERIOD)


def test_a_slot_beyond_any_that_can_have_been_taken_gives_way():
    """A clock that was an hour ahead stops nothing once it is put right."""
    assert claim(3600) == 3600
    assert claim(7) == 0
    assert claim(7) is None
    assert claim(15) == 15


def test_a_slot_that_was_taken_ahead_does_not_give_way():
    assert claim(13) == 0
    assert claim(13) == 15
    assert not ticks.take("decide", NOON, PERIOD, NOON)


def test_what_time_it_is_is_asked_of_postgresql(monkeypatch):
    before = ticks.now()
    monkeypatch.setattr("django.utils.timezone.now", lambda: NOON)
    assert timedelta(0) <= ticks.now() - before < timedelta(minutes=1)


def test_names_do_not_meet():
    assert claim(7, "decide/0") == claim(7, "decide/1") == 0


def test_says_who_took_it_and_when():
    claim(7)
    tick = Tick.objects.get()
    assert (tick.name, tick.slot, tick.claimed_at) == ("decide", NOON, NOON + timedelta(seconds=7))
    assert tick.worker


def test_of_many_at_once_one_gets_the_slot():
    start, taken = threading.Barrier(8), []

    def fire():
        start.wait()
        taken.append(claim(7))
        connection.close()

    for _ in range(5):
        Tick.objects.all().delete()
        taken.clear()
        threads = [threading.Thread(target=fire) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(taken, key=str) == [0, *[None] * 7]


def test_who_comes_while_another_is_taking_it_waits_for_the_outcome():
    """The first is still in a transaction; when it is undone, the slot is free."""
    claim(7)
    taken = []

    def fire():
        taken.append(claim(22))
        connection.close()

    thread = threading.Thread(target=fire)
    with transaction.atomic():
        assert claim(22) == 15
        thread.start()
        thread.join(timeout=0.2)
        assert taken == []
        transaction.set_rollback(True)
    thread.join()
    assert taken == [15]
