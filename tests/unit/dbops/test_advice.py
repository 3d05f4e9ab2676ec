"""What is recommended, from which figures, and that nothing is where figures are missing."""

from dataclasses import replace
from datetime import timedelta

import pytest

from dbops import relation_advice, server_advice
from dbops.advice import (
    CRITICAL,
    INFO,
    WARNING,
    Checks,
    Known,
    Lately,
    PoolLimits,
    Recommendation,
    Server,
    Unknown,
    advise,
    quoted,
)
from tests import judged
from tests.judged import GB, MB, NOW

DAY = timedelta(days=1)
RULES = (*server_advice.RULES, *relation_advice.RULES)
CALM = Lately(
    observations=1440,
    p95_utilization=0.5,
    saturated_at_maximum=0,
    at_minimum=0,
    blocks_hit=10_000_000,
    blocks_read=0,
)


def known(**changes):
    """What is known of a database in which there is nothing to mend."""
    seen = {name: changes.pop(name) for name in list(changes) if hasattr(judged.reading(), name)}
    plain = Known(
        reading=judged.reading(**seen),
        now=NOW,
        server=Server(shared_buffers_bytes=128 * MB, max_connections=200, version=180000),
        lately=CALM,
        statements=(),
        checks=Checks(NOW - timedelta(hours=10), NOW - timedelta(hours=10), None),
        limits=PoolLimits(5, 100),
        roles={},
        unused_since={"public.orders_day": NOW - timedelta(days=8)},
    )
    return replace(plain, **changes)


def proposed(**changes):
    return advise(known(**changes), RULES).recommendations


def only(**changes):
    (found,) = proposed(**changes)
    return found


def test_nothing_is_recommended_where_there_is_nothing_to_mend():
    advice = advise(known(), RULES)
    assert (advice.recommendations, advice.unknown) == ((), ())


DROP = 'DROP INDEX CONCURRENTLY "public"."orders_day";'


# --- Indexes ---------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("counted_for", "severity", "told"),
    [
        (timedelta(days=7), WARNING, "0 scans of it (10.0 MB) in the 7.0 days for which scans were counted."),
        (timedelta(days=6.9), INFO, "in the 6.9 days for which scans were counted, too short to be sure."),
        (timedelta(days=30), WARNING, "in the 8.0 days for which it was watched."),
        (None, WARNING, "in the 8.0 days for which it was watched."),
    ],
)
def test_an_unused_index_is_a_warning_after_a_week_of_counting(counted_for, severity, told):
    since = None if counted_for is None else NOW - counted_for
    found = only(size=judged.size(counted_since=since, unused_indexes=(judged.index(),)))
    assert (found.severity, found.sql) == (severity, DROP)
    assert told in found.evidence


@pytest.mark.parametrize(
    ("seen_for", "told"),
    [
        (timedelta(days=1), "in the 1.0 days for which it was watched, too short to be sure."),
        (timedelta(hours=23.9), "in the 23.9 hours for which it was watched, too short to be sure."),
        (timedelta(minutes=5), "in the 5 minutes for which it was watched, too short to be sure."),
        (None, "in this look, the first that found it, too short to be sure."),
    ],
)
def test_of_an_index_that_is_new_nobody_is_sure_however_old_the_database_is(seen_for, told):
    since = {} if seen_for is None else {"public.orders_day": NOW - seen_for}
    found = only(size=judged.size(unused_indexes=(judged.index(),)), unused_since=since)
    assert (found.severity, found.sql) == (INFO, DROP)
    assert f"0 scans of it (10.0 MB) {told}" in found.evidence


def test_an_index_that_keeps_rows_unique_is_never_dropped():
    assert not proposed(size=judged.size(unused_indexes=(judged.index(is_unique=True),)))


def test_that_of_a_partitioned_table_cannot_be_dropped_concurrently():
    whole = judged.index(definition="CREATE INDEX orders_day ON ONLY public.orders USING btree (day)")
    assert only(size=judged.size(unused_indexes=(whole,))).sql == 'DROP INDEX "public"."orders_day";'


def indexed(name, columns, **changes):
    definition = f"CREATE INDEX {name} ON public.orders USING btree ({columns})"
    return judged.index(name, definition=definition, **changes)


@pytest.mark.parametrize(
    ("indexes", "dropped"),
    [
        ([indexed("a", "day"), indexed("b", "day, shop")], ["a"]),
        ([indexed("a", "day"), indexed("b", "day")], ["b"]),
        ([indexed("a", "day"), indexed("b", "day", is_unique=True)], ["a"]),
        ([indexed("a", "day", bytes=MB - 1), indexed("b", "day, shop")], []),
        ([indexed("a", "shop"), indexed("b", "day, shop")], []),
        ([indexed("a", "day", is_unique=True), indexed("b", "day, shop")], []),
        ([indexed("a", "day"), indexed("b", "day DESC, shop")], []),
        ([indexed("a", "day"), indexed("b", "day, shop", is_valid=False)], []),
        ([indexed("a", "lower(name)"), indexed("b", "lower(name), day")], []),
        ([indexed("a", "day) WHERE (paid"), indexed("b", "day, shop")], []),
    ],
)
def test_an_index_is_redundant_where_another_begins_with_its_columns(indexes, dropped):
    found = proposed(size=judged.size(indexes=tuple(indexes)))
    assert [each.sql for each in found] == [f'DROP INDEX CONCURRENTLY "{name}";' for name in dropped]


def test_for_a_missing_index_the_scans_and_the_statements_are_shown_but_no_column_is_guessed():
    table = judged.table(sequential_scans=200, sequential_rows=200_000_000, index_scans=3)
    statements = (
        judged.statement("SELECT * FROM orders WHERE shop = $1"),
        judged.statement("SELECT * FROM orders"),
        judged.statement("SELECT * FROM reorders WHERE shop = $1"),
    )
    found = only(
        size=judged.size(missing_index_candidates=(table,)),
        statements=tuple(replace(each, mean_ms=5.0) for each in statements),
    )
    assert found.sql is None
    assert "200 scans of the whole table read 200,000,000 rows, 1,000,000 each" in found.evidence
    assert found.evidence.endswith("the most costly first: SELECT * FROM orders WHERE shop = $1")


# --- Bloat and statistics --------------------------------------------------------------------------
def test_bloat_is_mended_by_what_suits_it():
    index, table = judged.index(bloat=0.6), judged.table(bloat=0.7, dead_rows=200_000)
    found = proposed(size=judged.size(bloated=(index, table)))
    assert [each.sql for each in found] == [
        'REINDEX INDEX CONCURRENTLY "public"."orders_day";',
        'VACUUM (ANALYZE) "public"."orders";',
    ]
    assert "About 60% of its 10.0 MB" in found[0].evidence


# What VACUUM made room of is no reason to run it again: a fifth of the rows has to be dead, and a thousand.
@pytest.mark.parametrize(
    ("rows", "dead", "severity", "sql"),
    [
        (0, 0, INFO, "VACUUM (FULL, ANALYZE)"),
        (0, 999, INFO, "VACUUM (FULL, ANALYZE)"),
        (0, 1000, WARNING, "VACUUM (ANALYZE)"),
        (10**6, 199_999, INFO, "VACUUM (FULL, ANALYZE)"),
        (10**6, 200_000, WARNING, "VACUUM (ANALYZE)"),
    ],
)
def test_an_empty_table_is_vacuumed_only_for_rows_that_are_dead(rows, dead, severity, sql):
    table = judged.table(rows=rows, dead_rows=dead, bloat=0.9)
    found = only(size=judged.size(bloated=(table,)))
    assert (found.severity, found.sql) == (severity, f'{sql} "public"."orders";')
    assert "locks the table" in found.effect


def test_an_index_is_not_to_be_rebuilt_and_dropped():
    unused = judged.index(bloat=0.6)
    spare, wider = indexed("a", "day", bloat=0.6), indexed("b", "day, shop", bloat=0.6)
    found = proposed(
        size=judged.size(indexes=(spare, wider), unused_indexes=(unused,), bloated=(unused, spare, wider))
    )
    assert [each.sql for each in found] == [
        DROP,
        'REINDEX INDEX CONCURRENTLY "b";',
        'DROP INDEX CONCURRENTLY "a";',
    ]


def test_without_an_estimate_bloat_is_unknown():
    advice = advise(known(size=judged.size(tables=(judged.table(bloat=None),))), RULES)
    assert advice.unknown == (
        Unknown("bloat", "No table or index is large enough for an estimate, and analysed."),
    )


# A million rows, of which a fifth has to have changed; of 100 rows, a thousand changes.
@pytest.mark.parametrize(
    ("rows", "changed", "stale"), [(10**6, 199_999, 0), (10**6, 200_000, 1), (100, 999, 0)]
)
def test_statistics_are_stale_when_a_fifth_of_the_rows_changed(rows, changed, stale):
    found = proposed(size=judged.size(tables=(judged.table(rows=rows, modified_since_analyze=changed),)))
    assert [each.sql for each in found] == ['ANALYZE "public"."orders";'] * stale


# --- Statements and sessions -----------------------------------------------------------------------
@pytest.mark.parametrize(
    ("query", "mean_ms", "number"),
    [("SELECT $1", 999, 0), ("SELECT $1", 1000, 1), ("COPY orders TO STDOUT", 60_000, 0)],
)
def test_a_statement_of_a_second_is_slow_but_for_maintenance(query, mean_ms, number):
    slow = judged.statement(query, mean_ms=mean_ms)
    assert len(proposed(statements=(slow,))) == number


@pytest.mark.parametrize(
    ("query", "version", "sql"),
    [
        ("SELECT $1", 160000, "EXPLAIN (GENERIC_PLAN) SELECT $1;"),
        ("SELECT $1", 150000, None),
        ("VACUUM orders", 180000, None),
        ("SELECT ?", 180000, None),
        ("SELECT $1; DROP TABLE orders", 180000, None),
        ("", 180000, None),
    ],
)
def test_a_plan_is_asked_for_only_where_the_statement_is_whole(query, version, sql):
    assert server_advice.explained(query, version) == sql


def test_a_session_that_idles_in_a_transaction_gets_its_role_a_limit():
    seen = judged.connections(idle_in_transaction=(judged.idler(60), judged.idler(59, pid=11)))
    found = only(connections=seen, roles={10: 'the "boss"', 11: "app"})
    assert found.sql == """ALTER ROLE "the ""boss\""" SET idle_in_transaction_session_timeout = '60s';"""
    assert only(connections=seen).sql is None


# --- The pool and the server -----------------------------------------------------------------------
@pytest.mark.parametrize(
    ("changes", "title"),
    [
        ({"saturated_at_maximum": 4}, None),
        ({"saturated_at_maximum": 5}, "Raise the pool's maximum"),
        ({"p95_utilization": 0.29, "at_minimum": 1440}, "Lower the pool's minimum"),
        ({"p95_utilization": 0.29, "at_minimum": 1439}, None),
        ({"p95_utilization": 0.31, "at_minimum": 1440}, None),
    ],
)
def test_the_pools_limits_are_judged_by_a_day(changes, title):
    found = proposed(lately=replace(CALM, **changes))
    assert [each.title for each in found] == ([title] if title else [])


def test_of_less_than_half_a_day_nothing_is_said_of_the_pools_limits():
    advice = advise(known(lately=replace(CALM, observations=719, saturated_at_maximum=700)), RULES)
    assert advice.recommendations == ()
    assert advice.unknown[0].subject == "pool limits"


# 80 % of 100 connections; a pool that may hold 100 beside others on a server that allows 100.
@pytest.mark.parametrize(
    ("total", "allowed", "sql"),
    [
        (80, 200, None),
        (81, 200, "ALTER SYSTEM SET max_connections = 120;"),
        (30, 109, "ALTER SYSTEM SET max_connections = 120;"),
        (30, 110, None),
    ],
)
def test_connections_that_run_out_are_told(total, allowed, sql):
    server = Server(shared_buffers_bytes=128 * MB, max_connections=allowed, version=180000)
    found = proposed(connections=judged.connections(total=total), server=server)
    assert [each.sql for each in found] == ([sql] if sql else [])


@pytest.mark.parametrize(
    ("hit", "read", "buffers", "number"),
    [
        (899_000, 101_000, 128 * MB, 1),
        (900_001, 99_999, 128 * MB, 0),
        (100, 99_999, 128 * MB, 0),
        (899_000, 101_000, GB, 0),
    ],
    ids=["89.9 %", "90 %", "few reads", "the database fits"],
)
def test_more_buffers_are_worth_it_where_much_was_read_that_they_have_no_room_for(hit, read, buffers, number):
    server = Server(shared_buffers_bytes=buffers, max_connections=200, version=180000)
    found = proposed(lately=replace(CALM, blocks_hit=hit, blocks_read=read), server=server)
    assert len(found) == number
    assert all("shared_buffers is 128.0 MB, the database is 1.0 GB" in each.evidence for each in found)


@pytest.mark.parametrize(
    ("age", "severity"), [(10**9, None), (10**9 + 1, WARNING), (16 * 10**8 + 1, CRITICAL)]
)
def test_old_transaction_ids_are_frozen(age, severity):
    found = proposed(size=judged.size(xid_age=age))
    assert [(each.sql, each.severity) for each in found] == (
        [("VACUUM (FREEZE);", severity)] if severity else []
    )


@pytest.mark.parametrize(
    ("checks", "severity"),
    [
        (Checks(NOW - timedelta(hours=26), NOW, None), None),
        (Checks(NOW - timedelta(hours=27), NOW, None), WARNING),
        (Checks(None, None, None), WARNING),
        (Checks(NOW - timedelta(hours=27), NOW, "orders differs"), CRITICAL),
    ],
)
def test_a_backup_has_to_be_verified_daily(checks, severity):
    found = proposed(checks=checks)
    assert [each.severity for each in found] == ([severity] if severity else [])


# --- Altogether ------------------------------------------------------------------------------------
def test_what_is_unknown_is_told_and_not_guessed():
    advice = advise(
        known(
            queries=judged.queries(calls=None, reason="no extension"),
            lately=Lately(0, None, 0, 0, None, None),
        ),
        RULES,
    )
    assert advice.recommendations == ()
    assert {each.subject: each.reason for each in advice.unknown} == {
        "statements": "no extension",
        "pool limits": "0 minutes of the last day were observed; it takes 720.",
        "cache hit": "The blocks that were read in the last day were not counted.",
    }


def test_the_most_severe_come_first():
    rule = [Recommendation(each, each, "", None, "") for each in (INFO, CRITICAL, WARNING)]
    advice = advise(known(), [lambda _known: iter(rule)])
    assert [each.title for each in advice.recommendations] == [CRITICAL, WARNING, INFO]


@pytest.mark.parametrize(
    ("name", "sql"),
    [
        ("orders", '"orders"'),
        ("public.orders", '"public"."orders"'),
        ('"my.shop"."Orders ""new"""', '"my.shop"."Orders ""new"""'),
        ('public."order"', '"public"."order"'),
        ('x"; DROP TABLE users; --', '"x""; DROP TABLE users; --"'),
    ],
)
def test_names_are_quoted(name, sql):
    assert quoted(name) == sql
