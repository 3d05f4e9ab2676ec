"""A dump, and what the database held at the very moment that it shows."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from psycopg2 import sql
from psycopg2.errors import UndefinedTable
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class
from psycopg2.extensions import cursor as Cursor  # noqa: N812 - it is a class

from dbops import direct
from dbops.backups import contents
from dbops.backups.attending import LONGEST_S, Beat, attended, run
from dbops.backups.binaries import Binaries
from dbops.backups.errors import BackupError

_TRIES = 5
LOCK_TIMEOUT_MS = 10_000
"""Who changes a table's form is waited for so long; who writes rows is never in the way."""


@dataclass(frozen=True, slots=True)
class Dumped:
    """What the dump has to hold, and how long it took to write."""

    tables: contents.Tables
    before: contents.Positions
    after: contents.Positions
    took_s: float

    @property
    def rows(self) -> int:
        return sum(table.rows for table in self.tables.values())


def write(file: Path, binaries: Binaries, beat: Beat) -> Dumped:
    """Dump the database into the file, and read in the same snapshot what it holds. Raises: BackupError."""
    with _snapshot() as (session, snapshot):
        before = contents.positions(session)
        start = time.monotonic()
        command: list[str | Path] = [
            *(binaries.dump, "--format=custom", f"--snapshot={snapshot}", f"--file={file}", "--no-password"),
            f"--lock-wait-timeout={LOCK_TIMEOUT_MS}",
        ]
        run(command, env=direct.environment(), beat=beat)
        took_s = time.monotonic() - start
        after = contents.positions(session)
        tables = attended(lambda: contents.tables(session), beat, stop=session.cancel)
    return Dumped(tables, before, after, took_s)


@contextmanager
def _snapshot() -> Iterator[tuple[Connection, str]]:
    """Open a transaction that others can look through; its tables stay there meanwhile."""
    with direct.connect(statement_timeout_ms=LONGEST_S * 1000, lock_timeout_ms=LOCK_TIMEOUT_MS) as session:
        contents.prepare(session)
        with session.cursor() as cursor:
            cursor.execute("SET idle_in_transaction_session_timeout = 0")
            _begin(session, cursor)
            cursor.execute("SELECT pg_export_snapshot()")
            (snapshot,) = cursor.fetchone() or ("",)
        yield session, snapshot


def _begin(session: Connection, cursor: Cursor) -> None:
    """Begin the transaction and keep all tables from being dropped; there may have been one just now."""
    for _ in range(_TRIES):
        cursor.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        try:
            for name in contents.relations(session, "r"):
                cursor.execute(sql.SQL("LOCK TABLE ONLY {} IN ACCESS SHARE MODE").format(name))
        except UndefinedTable:
            cursor.execute("ROLLBACK")
        else:
            return
    raise BackupError("Tables are dropped so quickly that none of them can be dumped.")
