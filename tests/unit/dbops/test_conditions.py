"""When an alert opens, rises, falls and ends."""

from dataclasses import replace

import pytest

from dbops import wording
from dbops.conditions import DEFAULT, GB, Level, conditions, figures, judge, level
from dbops.readings import Session
from tests import judged

W, C = Level.WARNING, Level.CRITICAL
BY_KEY = {each.key: each for each in conditions()}
POOL = BY_KEY["pool"]


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("pool", 0.79, None),
        ("pool", 0.80, None),
        ("pool", 0.81, W),
        ("pool", 0.95, W),
        ("pool", 0.96, C),
        ("response_time", 2, None),
        ("response_time", 2.1, W),
        ("response_time", 5, W),
        ("response_time", 5.1, C),
        ("size", 10 * GB, None),
        ("size", 10 * GB + 1, W),
        ("size", 50 * GB, W),
        ("size", 50 * GB + 1, C),
        ("slow_queries", 10, None),
        ("slow_queries", 11, W),
        ("slow_queries", 10_000, W),
        ("blocking", 30, None),
        ("blocking", 31, W),
        ("transaction_ids", 0.5, None),
        ("transaction_ids", 0.51, W),
        ("transaction_ids", 0.81, C),
        ("pool", None, None),
    ],
)
def test_a_condition_holds_above_its_limit_and_not_at_it(key, value, expected):
    assert level(BY_KEY[key], value) == expected


def course(values, condition=POOL):
    """The level after each look."""
    held, seen, levels = None, [], []
    for value in values:
        seen.append(value)
        held = judge(condition, seen[-3:], held)
        levels.append(held)
    return levels


# Of the pool's limits 0.80 and 0.95, clear is what is below 0.72 and 0.855.
@pytest.mark.parametrize(
    ("values", "levels"),
    [
        ([0.5, 0.81, 0.5, 0.5, 0.5], [None, W, W, W, None]),
        ([0.81, 0.5, 0.73, 0.5, 0.5, 0.5], [W, W, W, W, W, None]),
        ([0.81, 0.79, 0.81, 0.79, 0.79, 0.79], [W] * 6),
        ([0.81, 0.96, 0.9, 0.9, 0.9, 0.9], [W, C, C, C, C, C]),
        ([0.96, 0.85, 0.85, 0.85, 0.5, 0.5, 0.5], [C, C, C, W, W, W, None]),
        ([0.96, 0.5, 0.5, 0.5], [C, C, C, None]),
    ],
    ids=["ends", "has to be clear in a row", "flaps", "rises and stays", "falls, then ends", "ends at once"],
)
def test_it_rises_at_once_and_falls_after_three_clear_looks(values, levels):
    assert course(values) == levels


def test_what_is_unknown_opens_nothing_and_ends_nothing():
    assert course([None, 0.81, 0.5, 0.5, None, None, None, 0.5, 0.5, 0.5]) == [None] + [W] * 8 + [None]


def test_without_a_critical_limit_there_is_no_critical_alert():
    assert course([11, 1e6, 9, 8, 8, 8], BY_KEY["slow_queries"]) == [W, W, W, W, W, None]


def test_figures_are_those_of_the_reading_and_the_longest_wait_counts():
    seen = judged.reading(blocking=(judged.blocked(5), judged.blocked(40)))
    assert figures(seen) == {
        "pool": 0.4,
        "response_time": 0.1,
        "size": GB,
        "slow_queries": 0,
        "blocking": 40,
        "transaction_ids": 0.0005,
    }


SEEN = judged.reading(
    pool=judged.pool(1.0, waiting=3, max_wait_s=1.5),
    blocking=(judged.blocked(40),),
    queries=judged.queries(
        response_s=6,
        slow=100,
        slowest=(
            judged.statement("SELECT\n  pg_sleep(6)", mean_ms=6000),
            judged.statement("SELECT 999", mean_ms=999, calls=10_000),
        ),
    ),
    size=judged.size(database_bytes=51 * GB, xid_age=1_200_000_000, growth_bytes_a_day=2 * GB),
)


@pytest.mark.parametrize(
    ("key", "figures_told"),
    [
        ("pool", ["100% used", "20 of 20 connections busy, 3 clients waiting, the first for 1.5 s"]),
        ("response_time", ["6.0 s", "the mean of 100 calls: SELECT pg_sleep(6)", "pg_cancel_backend"]),
        ("size", ["51.0 GB, growth 2.0 GB a day", "public.orders (120.0 MB)"]),
        ("slow_queries", ["100 slow queries", "100 x 6000 ms"]),
        ("blocking", ["pg_terminate_backend(10)", "pid 11 the longest, for 40 s", "LOCK TABLE orders"]),
        ("transaction_ids", ["1,200,000,000 transactions old, of 2,000,000,000", "VACUUM (FREEZE)"]),
    ],
)
def test_an_alert_says_what_where_how_much_and_what_to_do(key, figures_told):
    body = wording.words(BY_KEY[key], SEEN, "cloudintel").body
    for figure in [*figures_told, "Database cloudintel, seen at 2026-03-01 12:00:00 UTC"]:
        assert figure in body


def said(key, **changes):
    return wording.words(BY_KEY[key], judged.reading(**changes), "cloudintel").body


SLEEP = judged.statement("SELECT pg_sleep($1)", calls=1, mean_ms=3000)
UPDATE = Session(11, "an application", "active", 77.0, "UPDATE orders SET paid = true")


@pytest.mark.parametrize(
    ("response_s", "running", "told"),
    [
        (77, UPDATE, "77.0 s. It is what pid 11 runs, waiting for a lock of pid 10: UPDATE orders"),
        (3, replace(UPDATE, seconds=2.9), "3.0 s. It is the mean of 1 call: SELECT pg_sleep($1)"),
        (3, None, "3.0 s. It is the mean of 1 call: SELECT pg_sleep($1)"),
        (77, None, "77.0 s.\n"),
    ],
    ids=["what runs", "a mean above what runs", "a mean", "what is not known any more"],
)
def test_the_slowest_answer_is_named_after_what_its_figure_is_of(response_s, running, told):
    queries = judged.queries(response_s=response_s, slowest=(SLEEP,), running=running)
    assert told in said("response_time", queries=queries, blocking=(judged.blocked(77, pid=11),))


def test_of_slow_queries_none_is_named_that_is_not_slow():
    fast = judged.statement("WITH locked AS (SELECT 1)", calls=10_000, mean_ms=999)
    body = said("slow_queries", queries=judged.queries(slow=1, slowest=(SLEEP, fast)))
    assert "\n1 slow query since the look before.\n- 1 x 3000 ms: SELECT pg_sleep($1)\n" in body
    assert "locked" not in body


def test_the_limits_are_the_documents():
    assert (DEFAULT.pool_warning, DEFAULT.pool_critical) == (0.80, 0.95)
    assert (DEFAULT.response_warning_s, DEFAULT.response_critical_s) == (2, 5)
    assert (DEFAULT.size_warning_bytes, DEFAULT.size_critical_bytes) == (10 * GB, 50 * GB)
    assert (DEFAULT.slow_queries_warning, DEFAULT.blocking_warning_s) == (10, 30)
