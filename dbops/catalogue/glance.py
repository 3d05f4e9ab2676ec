"""A glance at the server: a few questions in one read-only transaction, which is over in no time."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg2
from psycopg2 import errors
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class
from psycopg2.extras import NamedTupleCursor

from core.errors import TransientCloudError
from dbops import direct

LIMIT_MS = 240
STATEMENT_LIMIT_MS = 200
LOCK_LIMIT_MS = 50


class NoAnswerError(TransientCloudError):
    """The database did not let itself be looked at this time; the message says why."""


class Glance:
    """Asks the catalogue; each question has the time that is left of the transaction's."""

    took_ms = 0.0

    def __init__(self, session: Connection, limit_ms: int) -> None:
        self._session = session
        self._began = time.monotonic()
        self._limit_ms = limit_ms

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[Any]:
        """Return what is selected, as named tuples. Raises: psycopg2.Error, which ends the transaction."""
        left_ms = int(self._limit_ms - self.spent_ms())
        if left_ms < 1:
            raise NoAnswerError(_TOO_LONG)
        # To compile a question that is asked once would take longer than to answer it.
        limits = f"SET LOCAL jit = off; SET LOCAL statement_timeout = {min(left_ms, STATEMENT_LIMIT_MS)}; "
        with self._session.cursor(cursor_factory=NamedTupleCursor) as cursor:
            cursor.execute(limits + sql, parameters or None)  # type: ignore[no-untyped-call]  # so the stubs say
            return cursor.fetchall()

    def attempt(self, sql: str, parameters: Sequence[Any] = ()) -> list[Any]:
        """Return what is selected. Raises: psycopg2.Error, after which others can still be asked."""
        with self._session.cursor() as cursor:
            cursor.execute("SAVEPOINT attempt")
            try:
                return self.rows(sql, parameters)
            except psycopg2.Error:
                cursor.execute("ROLLBACK TO SAVEPOINT attempt")
                raise

    def spent_ms(self) -> float:
        """Return how long it has taken so far."""
        return (time.monotonic() - self._began) * 1000


_TOO_LONG = f"The look at the database took longer than {LIMIT_MS} ms and was given up; try again shortly."
_LOCKED = "A look at the database waited for somebody's lock and was given up; try again shortly."
_SILENT = "The database does not answer; try again shortly."


@contextmanager
def glance(*, database: str | None = None) -> Iterator[Glance]:
    """Open a glance at this database, or at another one. Raises: NoAnswerError."""
    limits = {"statement_timeout_ms": STATEMENT_LIMIT_MS, "lock_timeout_ms": LOCK_LIMIT_MS}
    try:
        with direct.connect(**limits, database=database) as session:
            session.set_session(readonly=True, autocommit=False)
            looking = Glance(session, LIMIT_MS)
            with session:
                yield looking
            looking.took_ms = looking.spent_ms()
    except errors.QueryCanceled as error:
        raise NoAnswerError(_TOO_LONG) from error
    except errors.LockNotAvailable as error:
        raise NoAnswerError(_LOCKED) from error
    except (psycopg2.OperationalError, psycopg2.InterfaceError) as error:
        raise NoAnswerError(_SILENT) from error
