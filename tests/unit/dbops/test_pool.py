"""What is read from PgBouncer's console, and how its address is."""

import pytest

from dbops.pool.base import PoolError
from dbops.pool.console import parameters
from dbops.pool.pgbouncer import Look, summary


def looks(*busy_and_waiting):
    return [Look(busy, 5 - busy, waiting, waiting / 10) for busy, waiting in busy_and_waiting]


def test_the_mean_of_what_was_busy_and_the_most_that_waited_count():
    found = summary(5, looks((1, 0), (5, 2), (3, 0)))
    assert (found.active, found.idle, found.waiting, found.max_wait_s) == (3, 2, 2, 0.2)
    assert found.utilization == 3 / 5


def test_a_pool_for_which_clients_wait_most_of_the_time_is_saturated():
    assert summary(5, looks((5, 1), (2, 0), (2, 1))).utilization == 1.0
    assert summary(5, looks((5, 1), (2, 0), (2, 0))).utilization == 3 / 5


def test_connections_beyond_the_size_that_was_just_cut_are_no_more_than_all():
    assert summary(2, looks((5, 0))).utilization == 1.0


def test_an_address_is_taken_apart_with_what_is_escaped_in_it():
    assert parameters("postgresql://admin:p%40ss@pool.example:7000?sslmode=require") == {
        "host": "pool.example",
        "port": "7000",
        "user": "admin",
        "password": "p@ss",
        "dbname": "pgbouncer",
        "sslmode": "require",
    }


@pytest.mark.parametrize(
    "url",
    [
        "admin:pass-word@host/pgbouncer",
        "postgresql://admin:pass-word/1@host:6432/pgbouncer",
        "postgresql://admin:pass-word@host:abc/pgbouncer",
        "postgresql://[admin:pass-word@host/pgbouncer",
    ],
    ids=["no scheme", "slash in the password", "no port", "half an address"],
)
def test_an_address_that_cannot_be_read_is_not_repeated(url):
    with pytest.raises(PoolError, match="PGBOUNCER_ADMIN_URL cannot be read") as told:
        parameters(url)
    assert "pass-word" not in str(told.value)
