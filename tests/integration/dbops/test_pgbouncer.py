"""The pool of a real PgBouncer: watched and sized through its console."""

import os
import signal
import time
import traceback
from contextlib import ExitStack, closing, contextmanager
from statistics import mean

import psycopg2
import pytest
from django.utils import timezone

from dbops.models import PoolEvent, PoolState
from dbops.pool import choice
from dbops.pool.base import PoolError
from dbops.services import scaling
from tests import pgbouncer
from tests.integration.dbops import load
from tests.integration.dbops.load import await_

pytestmark = [pgbouncer.needed, pytest.mark.django_db]


@pytest.fixture
def pooler(settings):
    """A PgBouncer with five connections that is the application's pool; it can be changed every second."""
    settings.POOL_COOLDOWN_S = 0
    with pgbouncer.running(size=5) as running:
        settings.PGBOUNCER_ADMIN_URL = running.admin_url
        yield running


def evaluate():
    return scaling.evaluate(choice.chosen().read(), timezone.now())


def test_an_idle_pool_is_read_as_one(pooler):
    found = choice.chosen().read()
    assert (found.backend, found.size, found.active, found.waiting) == ("pgbouncer", 5, 0, 0)
    assert found.utilization == 0


def test_a_pool_that_is_full_grows_by_itself_and_shrinks_when_the_load_is_gone(pooler):
    """40 clients hold a connection for 50 ms each: 5 connections serve 100 a second at most, 40 do 800."""
    with load.running(pooler.url, clients=40, hold_s=0.05) as bench:
        before = mean(bench.settle(seconds=2))
        full = choice.chosen().read()
        grown = evaluate()
        after = mean(bench.settle(seconds=2))
        eased = choice.chosen().read()
    print(f"transactions a second: {before:.0f}, then {after:.0f}")
    assert (full.active, full.utilization) == (5, 1.0)
    assert full.waiting >= 30
    assert full.max_wait_s > 0.1
    assert (grown.decision, grown.recommended_pool_size, grown.applied) == ("emergency_scale_up", 100, True)
    assert before < 110
    assert after > 3 * before
    assert (eased.size, eased.waiting) == (100, 0)
    assert eased.utilization < 0.5
    await_(lambda: choice.chosen().read().active == 0, within_s=5)
    steps = [evaluate().recommended_pool_size for _ in range(3)]
    assert steps == [95, 90, 85]
    assert [event.action for event in PoolEvent.objects.all()] == ["scale_down"] * 3 + ["emergency_scale_up"]


def test_growth_takes_effect_within_a_second(pooler):
    with load.running(pooler.url, clients=20, hold_s=0.2):
        choice.chosen().resize(12)
        took_s = await_(lambda: pooler.connections() == 12, within_s=1)
    print(f"grown after {took_s:.2f} s")


def test_free_connections_that_are_too_many_are_closed_within_a_second(pooler):
    choice.chosen().resize(20)
    with used_at_once(pooler.url, times=20):
        assert pooler.connections() == 20
        choice.chosen().resize(5)
        await_(lambda: pooler.connections() <= 5, within_s=1)


def test_busy_connections_that_are_too_many_are_closed_without_an_error_for_any_client(pooler):
    """40 clients want 20 connections for 100 ms each: none is ever free. Of 8, each serves ten a second."""
    choice.chosen().resize(20)
    with load.running(pooler.url, clients=40, hold_s=0.1) as bench:
        await_(lambda: pooler.connections() == 20, within_s=3)
        pooler.ask("SET default_pool_size = 8")
        bench.settle(seconds=1)
        assert pooler.connections() == 20  # PgBouncer by itself closes only those that are free
        pooler.ask("SET default_pool_size = 20")
        await_(lambda: pooler.connections() == 20, within_s=3)
        choice.chosen().resize(8)
        took_s = await_(lambda: pooler.connections() <= 8, within_s=2)
        print(f"shrunk after {took_s:.2f} s")
        assert min(bench.settle(seconds=1)) > 40


@contextmanager
def used_at_once(url, *, times):
    """Have so many clients take a connection each, give it back and stay."""
    with ExitStack() as clients:
        sessions = [clients.enter_context(closing(psycopg2.connect(url))) for _ in range(times)]
        for session in sessions:
            session.cursor().execute("SELECT 1")
        for session in sessions:
            session.commit()
        yield


def test_the_wanted_size_comes_back_after_a_reload(pooler):
    scaling.emergency(timezone.now(), cause="critical", reason="A test wants it")
    pooler.ask("RELOAD")
    assert choice.chosen().size() == 5
    assert scaling.reconcile() is True
    assert choice.chosen().size() == 100
    assert scaling.reconcile() is False


def test_the_wanted_size_comes_back_after_a_restart(pooler):
    scaling.pre_scale(30, "A peak is predicted", timezone.now())
    pooler.stop()
    with pytest.raises(PoolError):
        scaling.reconcile()
    pooler.start()
    assert scaling.reconcile() is True
    assert choice.chosen().size() == 30


def test_a_size_set_by_hand_stays_as_long_as_nothing_was_decided(pooler):
    pooler.ask("SET default_pool_size = 17")
    assert scaling.reconcile() is False
    assert choice.chosen().read().size == 17


def test_a_size_of_the_databases_own_is_told_and_left_alone(settings):
    with pgbouncer.running(size=20, own_size=5) as running:
        settings.PGBOUNCER_ADMIN_URL = running.admin_url
        event = scaling.emergency(timezone.now(), cause="critical", reason="A test wants it")
        assert choice.chosen().size() == 5
    assert event.applied is False
    assert "a pool_size of its own (5)" in event.reason
    assert PoolState.objects.get().wanted_size is None


def test_a_size_of_the_databases_own_that_equals_the_default_is_found_out(settings):
    with pgbouncer.running(size=5, own_size=5) as running:
        settings.PGBOUNCER_ADMIN_URL = running.admin_url
        with pytest.raises(PoolError, match="a pool_size of its own"):
            choice.chosen().resize(10)
        assert ("default_pool_size", "5") in [row[:2] for row in running.ask("SHOW CONFIG")]


def test_what_pgbouncer_allows_the_database_is_the_maximum(pooler):
    pooler.ask("SET max_db_connections = 12")
    event = scaling.emergency(timezone.now(), cause="critical", reason="A test wants it")
    assert (event.to_size, event.applied) == (12, True)
    assert "PgBouncer's max_db_connections allows 12" in event.reason


def test_what_the_server_carries_is_the_maximum(pooler, settings):
    """The tests' server allows 200: 3 for superusers and 10 for sessions around the pool leave 187."""
    settings.POOL_MAX_SIZE = 500
    event = scaling.emergency(timezone.now(), cause="critical", reason="A test wants it")
    assert (event.to_size, event.applied) == (187, True)
    assert "the server allows 200 and 13 of them are kept for others" in event.reason


# --- A console that does not do its work -----------------------------------------------------
def test_a_console_that_is_gone_leaves_the_wanted_size_and_says_so(pooler):
    scaling.pre_scale(20, "A peak is predicted", timezone.now())
    full = choice.chosen().read()
    pooler.stop()
    event = scaling.emergency(timezone.now(), cause="critical", reason="A test wants it")
    assert (event.from_size, event.to_size, event.applied) == (20, 100, False)
    assert "Connection refused" in event.reason
    assert pooler.password not in event.reason
    assert PoolState.objects.get().wanted_size == 20
    assert full.size == 20


def test_a_console_that_stalls_is_waited_for_two_seconds(pooler):
    os.kill(pooler.child.pid, signal.SIGSTOP)
    try:
        began = time.monotonic()
        with pytest.raises(PoolError, match="did not answer within 2 s"):
            choice.chosen().read()
        assert time.monotonic() - began < 3
    finally:
        os.kill(pooler.child.pid, signal.SIGCONT)


def test_a_wrong_password_is_told_without_it(pooler, settings):
    settings.PGBOUNCER_ADMIN_URL = pooler.admin_url.replace(pooler.password, "wrong-password")
    with pytest.raises(PoolError) as told:
        choice.chosen().read()
    assert "authentication failed" in str(told.value)
    assert "wrong-password" not in "".join(traceback.format_exception(told.value))
