"""PgBouncer's admin console: a session with a deadline, whose errors never tell the password."""

import select
import time
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, unquote, urlsplit

import psycopg2
from psycopg2.extensions import POLL_OK, POLL_READ

from dbops.pool.base import PoolError

_FORM = "postgresql://admin:password@host:6432/pgbouncer"


def parameters(url: str) -> dict[str, Any]:
    """Read the console's address, as libpq names its parts. Raises: PoolError, which does not repeat it.

    libpq is not left to read it by itself: what it cannot read it repeats, the password included.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme not in ("postgresql", "postgres") or not parts.hostname or not parts.username:
        raise PoolError(f"PGBOUNCER_ADMIN_URL cannot be read; it has the form {_FORM}.")
    named = {
        "host": unquote(parts.hostname),
        "port": str(port or 6432),
        "user": unquote(parts.username),
        "password": unquote(parts.password or ""),
        "dbname": unquote(parts.path.lstrip("/")) or "pgbouncer",
    }
    return {**dict(parse_qsl(parts.query)), **{key: value for key, value in named.items() if value}}


class Console:
    """One session; whatever it is asked, all of it is over within `within_s` seconds."""

    def __init__(self, url: str, *, within_s: float) -> None:
        self._parameters = parameters(url)
        self._within_s = within_s
        self._deadline = time.monotonic() + within_s

    def __enter__(self) -> Self:
        try:
            # libpq by itself would wait for ever for an answer once it is connected.
            self._session = psycopg2.connect(**self._parameters, async_=True)
        except psycopg2.Error as error:
            raise self._told(error) from None
        try:
            self._await()
        except PoolError:
            self._session.close()
            raise
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._session.close()

    def ask(self, command: str) -> list[dict[str, Any]]:
        """Return the rows that the console answers, by their columns' names. Raises: PoolError."""
        with self._session.cursor() as cursor:
            try:
                cursor.execute(command)
            except psycopg2.Error as error:
                raise self._told(error) from None
            self._await()
            names = [column.name for column in cursor.description or ()]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()] if names else []

    def _await(self) -> None:
        """Wait until the session has its answer, or the time is over. Raises: PoolError."""
        while (state := self._poll()) != POLL_OK:
            waiter = select.poll()
            waiter.register(self._session, select.POLLIN if state == POLL_READ else select.POLLOUT)
            if not waiter.poll(max(0.0, self._deadline - time.monotonic()) * 1000):
                raise self._error(f"it did not answer within {self._within_s:g} s")

    def _poll(self) -> int:
        try:
            return int(self._session.poll())
        except psycopg2.Error as error:
            raise self._told(error) from None

    def _told(self, error: psycopg2.Error) -> PoolError:
        # libpq says first where it connected to, which is said here already.
        lines = str(error).rpartition("failed: ")[2].splitlines()
        return self._error(lines[0].rstrip(".") if lines else type(error).__name__)

    def _error(self, reason: str) -> PoolError:
        where = f"{self._parameters['host']}:{self._parameters['port']}"
        if password := self._parameters.get("password"):
            reason = reason.replace(password, "***")
        return PoolError(
            f"PgBouncer's console at {where} does not do what it is asked: {reason}. "
            "Is it running, and does PGBOUNCER_ADMIN_URL name one of its admin_users?"
        )


def quoted(name: str) -> str:
    """Write a database's name as the console reads it."""
    return '"' + name.replace('"', '""') + '"'
