"""What tests of looking at the database share: sessions of their own, and a pool that is only played."""

import time
from contextlib import closing, contextmanager

import psycopg2

from dbops import direct
from dbops.pool.base import Pool, PoolError
from dbops.readings import PoolReading


class PlayedPool(Pool):
    """Twenty connections of which five are busy."""

    backend = "observe-only"

    def read(self):
        return PoolReading(self.backend, 20, 5, 15, 0, None, 0.25)

    def why_fixed(self):
        return "it is played"

    def resize(self, size):
        raise PoolError(self.why_fixed())


@contextmanager
def session(name="an application", **options):
    """A session of an application, which commits each statement by itself."""
    patience = "-c statement_timeout=30s"  # a test that fails shall not wait for ever
    connected = psycopg2.connect(**direct.parameters(**options), application_name=name, options=patience)
    with closing(connected):
        connected.autocommit = True
        yield connected


def run(connected, *statements):
    """Run statements and have PostgreSQL count them at once; return what the last one selected."""
    with connected.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
        rows = cursor.fetchall() if cursor.description else []
        cursor.execute("SELECT pg_stat_force_next_flush()")
        return rows


def until(is_so, what):
    """Poll until something is so; return it."""
    deadline = time.monotonic() + 20
    while not (found := is_so()):
        assert time.monotonic() < deadline, f"in vain: {what}"
        time.sleep(0.02)
    return found
