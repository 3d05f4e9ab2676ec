"""Each condition is produced on a real server, and seen by a look; a look a minute is remembered."""

import threading
from contextlib import contextmanager
from datetime import timedelta

import psycopg2
import pytest
from django.utils import timezone

from dbops import deltas, direct
from dbops.catalogue import glance, statements
from dbops.catalogue.glance import NoAnswerError
from dbops.models import (
    DatabaseCounters,
    Observation,
    RelationHour,
    Statement,
    StatementHour,
)
from dbops.services import observing
from tests.integration.dbops.looking import PlayedPool, run, session, until

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("patience")]

MINUTE = timedelta(minutes=1)


def look(now=None):
    return observing.look(now or timezone.now(), pool=PlayedPool())


def observe(now):
    return observing.observe(now, pool=PlayedPool())


@contextmanager
def running(connected, statement):
    """Run a statement that lasts, in a thread, and cancel it in the end."""

    def work():
        with connected.cursor() as cursor, pytest.raises(psycopg2.errors.QueryCanceled):
            cursor.execute(statement)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        connected.cancel()
        thread.join(timeout=20)


# --- Sessions --------------------------------------------------------------------------------
def test_a_session_idle_in_a_transaction_is_seen_without_its_literals(application):
    run(application, "BEGIN", "SELECT 's3cret', 4711")
    run(application, "SELECT 's3cret', 4711")
    with application.cursor() as cursor:
        cursor.execute("SELECT 's3cret', 4711")
    found = until(lambda: look().connections.idle_in_transaction, "an idle session")
    (idle,) = [each for each in found if each.pid == application.info.backend_pid]
    assert (idle.application, idle.state, idle.query) == (
        "an application",
        "idle in transaction",
        "SELECT ?, ?",
    )
    assert idle.seconds >= 0
    run(application, "ROLLBACK")


@pytest.mark.django_db(transaction=True)
def test_the_snapshot_of_a_dump_is_no_session_that_somebody_forgot():
    with session(direct.NAME) as own:
        run(own, "BEGIN", "SELECT 1")
        until(lambda: look().connections.by_state.get("idle in transaction") == 1, "the snapshot alone")
        found = look().connections
    assert found.idle_in_transaction == ()
    assert found.longest_transaction_s is None


def test_connections_are_counted_by_state_beside_the_limit(application):
    found = look().connections
    assert found.limit == 200
    assert found.by_state["idle"] >= 1
    assert found.total == sum(found.by_state.values())


@contextmanager
def until_blocked(number):
    """Begin once so many sessions wait for locks."""
    until(lambda: len(look().blocking) == number, f"{number} blocked")
    yield


def test_who_waits_for_a_lock_is_seen_with_the_root_of_the_chain(application):
    run(application, "CREATE TABLE t_locked (id int)", "INSERT INTO t_locked VALUES (1)")
    run(application, "BEGIN", "UPDATE t_locked SET id = 4711")
    root = application.info.backend_pid
    wait = "LOCK TABLE t_locked IN ACCESS EXCLUSIVE MODE"
    with (
        session("second") as second,
        session("third") as third,
        running(second, f"DO $$ BEGIN {wait}; END $$"),
        until_blocked(1),
        running(third, "SELECT * FROM t_locked WHERE id = 4711"),
    ):
        chains = until(lambda: len(found := look().blocking) == 2 and found, "two that wait")
        by_pid = {each.pid: each for each in chains}
        then, middle = by_pid[third.info.backend_pid], second.info.backend_pid
        first = by_pid[middle]
    run(application, "ROLLBACK")
    assert (first.blocked_by, first.root, first.root_application) == ((root,), root, "an application")
    assert (then.blocked_by, then.root) == ((middle,), root)
    assert then.query == "SELECT * FROM t_locked WHERE id = ?"
    assert (first.root_state, first.seconds >= 0) == ("idle in transaction", True)


def test_a_look_is_not_held_up_by_what_is_locked_altogether(application):
    run(application, "CREATE TABLE t_locked AS SELECT generate_series(1, 10000) AS id", "ANALYZE t_locked")
    ((size,),) = run(application, "SELECT pg_relation_size('t_locked')")
    run(application, "BEGIN", "LOCK TABLE t_locked IN ACCESS EXCLUSIVE MODE")
    sizes = {each.name: each.table_bytes for each in look().size.tables}
    run(application, "ROLLBACK")
    assert sizes["t_locked"] == size


def test_the_automation_s_own_long_work_is_no_query_that_users_wait_for():
    with session(direct.NAME) as own, running(own, "SELECT pg_sleep(60)"):
        until(lambda: look().connections.by_state.get("active"), "a query that runs")
        found = look()
    assert not found.queries.response_s
    assert found.connections.longest_query_s is None


# --- Statements ------------------------------------------------------------------------------
def test_a_slow_query_is_seen_while_it_runs(application):
    with running(application, "SELECT pg_sleep(60), 's3cret'"):
        found = until(lambda: (q := look().queries).response_s and q.response_s >= 1 and q, "a second")
    assert 1 <= found.response_s < 20
    assert (found.running.pid, found.running.seconds) == (application.info.backend_pid, found.response_s)
    assert found.running.query == "SELECT pg_sleep(?), ?"


def test_a_slow_statement_is_counted_in_the_minute_and_its_hour(application):
    now = timezone.now().replace(minute=30, second=0)
    assert observe(now).queries.calls is None
    run(application, "SELECT pg_sleep(1.1)")
    found = observe(now + MINUTE).queries
    assert found.slow >= 1
    assert found.response_s >= 1.1
    assert (found.slowest[0].query, found.slowest[0].calls) == ("SELECT pg_sleep($1)", 1)
    hour = StatementHour.objects.get(statement_id=found.slowest[0].query_id)
    assert (hour.calls, hour.slow_calls, hour.total_ms >= 1100) == (1, 1, True)
    run(application, "SELECT pg_sleep(0.01)")
    observe(now + 2 * MINUTE)
    hour.refresh_from_db()
    assert (hour.calls, hour.slow_calls) == (2, 1)


def test_a_statement_that_became_slower_than_last_week_is_told():
    now = timezone.now()
    statement = Statement.objects.create(
        query_id=1, text="SELECT a", first_seen=now, last_seen=now, calls=0, total_ms=0
    )
    for hours, mean_ms in ((2, 30), (48, 10), (8 * 24 - 1, 10), (9 * 24, 500)):
        hour = (now - timedelta(hours=hours)).replace(minute=0, second=0, microsecond=0)
        StatementHour.objects.create(
            hour=hour, statement=statement, calls=60, total_ms=60 * mean_ms, slow_calls=0
        )
    observe(now - MINUTE)
    (found,) = look(now).queries.regressions
    assert (found.query, found.mean_ms, found.mean_before_ms) == ("SELECT a", 30, 10)
    assert (found.calls, found.calls_before) == (60, 120)


def test_a_server_that_counts_no_statements_gives_null_and_says_what_to_do():
    with session() as administrator:
        run(administrator, "CREATE DATABASE t_without_extension TEMPLATE template0")
        try:
            with glance.glance(database="t_without_extension") as looking:
                found = statements.read(looking, ())
        finally:
            run(administrator, "DROP DATABASE t_without_extension WITH (FORCE)")
    assert not found.is_known
    assert "CREATE EXTENSION pg_stat_statements" in found.reason
    queries = deltas.unknown_queries(found.reason, [])
    assert (queries.calls, queries.slow, queries.response_s) == (None, None, 0.0), (
        "nothing runs, that is known"
    )


def test_a_reset_of_the_statements_is_unknown_and_then_counted_from_nothing(application):
    now = timezone.now()
    run(application, *["SELECT repeat('a', 3) || 'b'"] * 5)
    observe(now)
    run(application, "SELECT pg_stat_statements_reset()", "SELECT repeat('a', 3) || 'b'")
    assert (found := observe(now + MINUTE).queries).calls is None
    assert found.reason == deltas.RESET
    run(application, "SELECT repeat('a', 3) || 'b'")
    observe(now + 2 * MINUTE)
    (hour,) = StatementHour.objects.filter(statement__text__startswith="SELECT repeat(")
    assert hour.calls == 1


# --- Counters --------------------------------------------------------------------------------
def test_the_first_look_knows_no_counters_and_the_next_one_what_was_added(application):
    now = timezone.now()
    first = observe(now)
    assert (first.counters.commits, first.counters.reason, first.cache_hit) == (None, deltas.FIRST, None)
    run(application, *["SELECT 1"] * 10)
    found = until(lambda: (c := look(now + MINUTE).counters).commits >= 10 and c, "ten commits")
    assert (found.period_s, found.reason) == (60, "")


def test_a_reset_of_the_counters_is_unknown_never_negative(application):
    now = timezone.now()
    observe(now)
    run(application, "SELECT pg_stat_reset()")
    found = observe(now + MINUTE)
    assert (found.counters.commits, found.counters.blocks_hit) == (None, None)
    assert found.counters.reason == deltas.RESET
    stored = Observation.objects.first()
    assert (stored.counters, stored.counters_since) == (None, found.counters.since)
    after = observe(now + 2 * MINUTE).counters
    assert after.reason == ""
    assert min(after.commits, after.blocks_hit, after.blocks_read) >= 0


# --- Relations -------------------------------------------------------------------------------
def test_an_index_that_nothing_uses_is_seen_until_something_does(application):
    run(
        application,
        "CREATE TABLE t_things AS SELECT i AS id, i % 1000 AS kind FROM generate_series(1, 20000) AS i",
        "ALTER TABLE t_things ADD PRIMARY KEY (id)",
        "CREATE INDEX t_things_kind ON t_things (kind)",
        "ANALYZE t_things",
    )
    found = {each.name: each for each in look().size.unused_indexes}
    assert "t_things_pkey" not in found, "it keeps rows unique"
    assert found["t_things_kind"].table == "t_things"
    assert found["t_things_kind"].definition == (
        "CREATE INDEX t_things_kind ON public.t_things USING btree (kind)"
    )
    run(application, "SET enable_seqscan = off", "SELECT count(*) FROM t_things WHERE kind = 7")
    assert "t_things_kind" not in {each.name for each in look().size.unused_indexes}


def test_a_large_table_that_is_read_through_is_seen_and_partitions_are_one(application):
    run(
        application,
        "CREATE TABLE t_parts (id int, kind int) PARTITION BY RANGE (id)",
        *(
            f"CREATE TABLE t_parts_{first} PARTITION OF t_parts FOR VALUES FROM ({first}) TO ({first + 6000})"
            for first in (0, 6000)
        ),
        "CREATE INDEX t_parts_kind ON t_parts (kind)",
        "INSERT INTO t_parts SELECT i, i % 10 FROM generate_series(0, 11999) AS i",
        "SET enable_indexscan = off",
        "SET enable_bitmapscan = off",
        *["SELECT count(*) FROM t_parts"] * 25,
    )
    found = {each.name: each for each in look().size.missing_index_candidates}
    assert found["t_parts"].sequential_scans == 2 * 25 + 2, "making the index took one of each"
    assert found["t_parts"].rows == 12_000
    assert "t_parts_0" not in found
    unused = {each.name: each.table for each in look().size.unused_indexes}
    assert unused["t_parts_kind"] == "t_parts"


def test_growth_is_known_after_a_day(application):
    now = timezone.now()
    observe(now - timedelta(hours=23))
    early = look(now).size
    assert (early.growth_bytes_a_day, bool(early.reason)) == (None, True)
    RelationHour.objects.update(at=now - timedelta(days=2), database_bytes=early.database_bytes - 2_000_000)
    RelationHour.objects.update(hour=now - timedelta(days=2))
    later = look(now).size
    assert later.growth_bytes_a_day == pytest.approx(
        1_000_000 + (later.database_bytes - early.database_bytes) / 2
    )
    assert later.reason == ""


# --- Remembering -----------------------------------------------------------------------------
def test_observing_twice_in_a_minute_stores_once():
    now = timezone.now().replace(minute=30, second=10)
    observe(now)
    counters = DatabaseCounters.objects.get()
    observe(now + timedelta(seconds=40))
    assert Observation.objects.get().at == now.replace(second=0, microsecond=0)
    assert DatabaseCounters.objects.get().at == counters.at
    observe(now + MINUTE)
    assert (Observation.objects.count(), RelationHour.objects.count()) == (2, 1)


def test_a_look_that_was_overtaken_by_another_is_not_stored(monkeypatch):
    now = timezone.now()
    observe(now)
    overtaken = observing._see(now + 2 * MINUTE, PlayedPool())
    observe(now + MINUTE)
    assert not observing.recording.store(overtaken, None)
    assert Observation.objects.count() == 2


def test_looking_stores_nothing():
    look()
    assert not any(
        model.objects.exists() for model in (Observation, DatabaseCounters, Statement, RelationHour)
    )


def test_a_look_that_takes_too_long_is_given_up(monkeypatch):
    monkeypatch.setattr(glance, "LIMIT_MS", 0)
    with pytest.raises(NoAnswerError, match="took longer"):
        look()


def test_sizes_that_take_too_long_are_left_out_and_the_rest_is_told(monkeypatch):
    class Slow(glance.Glance):
        def attempt(self, sql, parameters=()):
            if "pg_relation_size" in sql:
                sql = "SELECT pg_sleep(60) AS oid"
                monkeypatch.setattr(glance, "STATEMENT_LIMIT_MS", 10)
            return super().attempt(sql, parameters)

    monkeypatch.setattr(glance, "Glance", Slow)
    found = look()
    assert (found.size.tables, "too many" in found.size.reason) == ((), True)
    assert found.size.database_bytes > 0
    assert found.connections.limit == 200


def test_a_look_writes_nothing_whatever_it_is_told():
    with pytest.raises(psycopg2.errors.ReadOnlySqlTransaction), glance.glance() as looking:
        looking.rows("DELETE FROM django_session RETURNING 1")


# --- Retention -------------------------------------------------------------------------------
def test_minutes_live_35_days_and_then_one_look_a_day_at_the_sizes():
    now = timezone.now().replace(hour=12, minute=0, second=0, microsecond=0)
    observe(now)
    old, older = now - timedelta(days=36), now - timedelta(days=366)
    for hour in (old, old + timedelta(hours=1), older):
        RelationHour.objects.create(hour=hour, at=hour, database_bytes=1, tables=[], indexes=[])
    outlived = {each.hour for each in RelationHour.objects.outlived(now)}
    assert outlived == {old + timedelta(hours=1), older}
    assert not Observation.objects.outlived(now).exists()
    assert Observation.objects.outlived(now + timedelta(days=36)).count() == 1
    assert not Statement.objects.outlived(now + timedelta(days=36)).exists(), "PostgreSQL knows them still"
