"""What was counted between two looks is never guessed, and never negative."""

from datetime import UTC, datetime, timedelta

import pytest

from dbops import deltas
from dbops.catalogue.counters import NAMES, Totals
from dbops.deltas import Before

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
RESET_AT = NOON - timedelta(days=1)


def values(number):
    return dict.fromkeys(NAMES, number)


def before(number=100, since=RESET_AT):
    return Before(NOON - timedelta(seconds=60), since, values(number))


def test_counters_are_what_was_added():
    found = deltas.counted(NOON, Totals({**values(100), "commits": 107}, RESET_AT), before())
    assert (found.commits, found.rollbacks, found.period_s, found.reason) == (7, 0, 60, "")


@pytest.mark.parametrize(
    ("totals", "stored", "reason"),
    [
        (Totals(values(100), RESET_AT), None, deltas.FIRST),
        (Totals(values(500), NOON), before(), deltas.RESET),
        (Totals(values(99), RESET_AT), before(), deltas.RESET),
        (Totals(values(100), None), Before(NOON, None, values(100)), deltas.NO_TIME),
    ],
    ids=["the first look", "a reset", "a crash, which tells no time", "twice at once"],
)
def test_what_cannot_be_compared_is_null_with_the_reason(totals, stored, reason):
    found = deltas.counted(NOON, totals, stored)
    assert {getattr(found, name) for name in NAMES} == {None}
    assert (found.period_s, found.reason) == (None, reason)


@pytest.mark.parametrize(("hit", "read", "share"), [(3, 1, 0.75), (0, 0, None)])
def test_the_share_of_hits_is_unknown_where_nothing_was_read(hit, read, share):
    totals = Totals({**values(0), "blocks_hit": hit, "blocks_read": read}, None)
    assert deltas.hit_share(deltas.counted(NOON, totals, before(0, None))) == share


def test_statements_are_what_was_called_and_a_count_that_fell_began_anew():
    found = deltas.added({1: (15, 30.0), 2: (4, 8.0), 3: (5, 5.0)}, {1: (10, 20.0), 2: (9, 9.0), 3: (5, 5.0)})
    assert found == {1: (5, 10.0), 2: (4, 8.0)}


def test_the_longest_answer_is_that_of_a_mean_or_of_what_still_runs():
    changes = {1: (2, 5000.0), 2: (10, 100.0), 3: (1, 60_000.0)}
    texts = {1: "SELECT a", 2: "SELECT b", 3: "VACUUM t"}
    found = deltas.queries(changes, texts, [0.5, 3.0])
    assert (found.calls, found.total_ms) == (13, 65_100.0)
    assert found.response_s == 3.0, "the mean of SELECT a is 2.5 s, and nobody waited for VACUUM"
    assert found.slow == 2 + 1, "two calls of SELECT a, and one query that runs"
    assert [each.query for each in found.slowest] == ["SELECT a", "SELECT b"]


def test_statements_that_are_not_counted_are_null_and_what_runs_is_told():
    found = deltas.unknown_queries("no extension", [3.0])
    assert (found.calls, found.slow, found.response_s, found.reason) == (None, None, 3.0, "no extension")
