"""The health score: what each part is worth, and what they come to."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest

from dbops.judging import MEASURES, health, score
from tests import judged
from tests.judged import NOW


@dataclass
class Check:
    finished_at: datetime
    is_verified: bool = True


FRESH = Check(NOW - timedelta(hours=10))


def judge(backup=FRESH, **changes):
    return health(judged.reading(**changes), backup=backup, now=NOW)


def part(name, **changes):
    (found,) = [each for each in judge(**changes).parts if each.name == name]
    return found


# --- The scale -------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("value", "worth"),
    [(0, 100), (10, 100), (15, 75), (20, 50), (25, 25), (30, 0), (99, 0)],
)
def test_between_its_limits_a_score_falls_in_straight_lines(value, worth):
    assert score(value, ((10, 100), (20, 50), (30, 0))) == worth


def test_the_weights_are_points_of_a_hundred():
    assert sum(measure.weight for measure in MEASURES) == 100


# --- The parts -------------------------------------------------------------------------------------
def test_a_database_without_any_trouble_scores_a_hundred():
    assert judge().score == 100


BACKUPS = {"day old": Check(NOW - timedelta(hours=50)), "failed": Check(NOW, is_verified=False)}


@pytest.mark.parametrize(
    ("name", "value", "worth", "changes"),
    [
        ("pool", 0.8, 60, {"pool": judged.pool(0.8)}),
        ("pool", 1.0, 0, {"pool": judged.pool(1.0, waiting=3)}),
        ("response_time", 3.5, 30, {"queries": judged.queries(response_s=3.5)}),
        ("slow_queries", 30, 30, {"queries": judged.queries(slow=30)}),
        ("cache_hit", 0.9, 50, {"cache_hit": 0.9}),
        ("blocking", 30, 50, {"blocking": (judged.blocked(3), judged.blocked(30))}),
        ("connections", 0.95, 25, {"connections": judged.connections(total=95)}),
        (
            "idle_in_transaction",
            60,
            50,
            {"connections": judged.connections(idle_in_transaction=(judged.idler(60),))},
        ),
        ("deadlocks", 1, 50, {"counters": judged.counters(deadlocks=1)}),
        ("rollbacks", 0.1, 50, {"counters": judged.counters(commits=90, rollbacks=10)}),
        ("transaction_ids", 0.5, 50, {"size": judged.size(xid_age=1_000_000_000)}),
        # 100 MB, of which half is empty, in a database of 100 MB.
        (
            "bloat",
            0.5,
            17,
            {"size": judged.size(database_bytes=100 * judged.MB, tables=(judged.table(bloat=0.5),))},
        ),
        ("backup", 50, 50, {"backup": BACKUPS["day old"]}),
        ("backup", 0, 0, {"backup": BACKUPS["failed"]}),
    ],
)
def test_a_part_is_worth_what_its_value_is(name, value, worth, changes):
    found = part(name, **changes)
    assert (found.value, found.score) == (value, worth)
    assert found.reason


def test_clients_that_wait_are_told_beside_the_busy_connections():
    found = part("pool", pool=judged.pool(1.0, waiting=3))
    assert found.reason == "20 of 20 connections of the pool are busy, 3 clients wait."


# --- What is not known -----------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "reason", "changes"),
    [
        (
            "response_time",
            "no extension",
            {"queries": judged.queries(response_s=None, reason="no extension")},
        ),
        ("cache_hit", "The counters were reset.", {"counters": judged.UNCOUNTED}),
        (
            "cache_hit",
            "Only 999 blocks were asked for; a share is told of 1000.",
            {"counters": judged.counters(blocks_hit=0, blocks_read=999), "cache_hit": 0.0},
        ),
        (
            "rollbacks",
            "Only 19 transactions ended; a share is told of 20.",
            {"counters": judged.counters(commits=0, rollbacks=19)},
        ),
        ("bloat", "There is no estimate of any table or index.", {"size": judged.size(tables=())}),
        ("backup", "No backup was ever checked by restoring it.", {"backup": None}),
    ],
)
def test_an_unknown_part_says_why_and_weighs_nothing(name, reason, changes):
    judgement = judge(**changes)
    (found,) = [each for each in judgement.parts if each.name == name]
    assert (found.value, found.score, found.reason) == (None, None, reason)
    assert judgement.score == 100


def test_the_score_is_the_weighted_mean_of_the_known_parts():
    # Uncounted: cache 10, deadlocks 5, rollbacks 5; a pool worth 60 weighs 20 of the other 80.
    judgement = judge(counters=judged.UNCOUNTED, pool=judged.pool(0.8))
    assert judgement.score == round((20 * 60 + 60 * 100) / 80)


def test_there_is_no_score_of_less_than_half():
    # Known are pool 20, connections 5, blocking 10 and idle in transaction 5.
    judgement = judge(
        counters=judged.UNCOUNTED,
        queries=judged.queries(response_s=None, slow=None),
        size=judged.size(xid_limit=0, tables=()),
        backup=None,
    )
    assert judgement.score is None
    assert judgement.reason == "Parts of 40 of 100 points are known; it takes half of them."
