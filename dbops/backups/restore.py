"""A dump restored into a database that exists for no other purpose."""

import logging
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psycopg2
from psycopg2 import sql

from dbops import direct
from dbops.backups import contents
from dbops.backups.attending import LONGEST_S, Beat, attended, run
from dbops.backups.binaries import Binaries

logger = logging.getLogger(__name__)

_SHORT_MS = 120_000
_NAME_BYTES = 63
_SUFFIX = "_verify_"
_EXTENSION = re.compile(r"^\d+; \d+ \d+ EXTENSION - (.+?) *$")
# What belongs to the whole server, or to roles that a restored copy does without. A subscription would fetch
# from its publisher.
_LEFT_OUT = (
    "--no-owner",
    "--no-privileges",
    "--no-comments",
    "--no-publications",
    "--no-subscriptions",
    "--no-security-labels",
    "--no-tablespaces",
)


@contextmanager
def scratch_database() -> Iterator[str]:
    """Create an empty database like this one; it is dropped afterwards, whatever happens. Yield its name."""
    name = f"{_stem()}{_SUFFIX}{secrets.token_hex(6)}"
    try:
        _create(name)
        yield name
    finally:
        _drop(name)


def drop_leftovers() -> None:
    """Drop the databases that killed verifications left; for whoever knows that none is going on."""
    ours = re.compile(rf"{re.escape(_stem())}{_SUFFIX}[0-9a-f]{{12}}")
    for (name,) in _ask("SELECT datname FROM pg_database"):
        if ours.fullmatch(name):
            _drop(name)


def load(file: Path, database: str, binaries: Binaries, beat: Beat) -> float:
    """Restore the dump into the database; return the seconds it took. Raises: BackupError."""
    start = time.monotonic()
    env = direct.environment(database=database)
    with TemporaryDirectory() as folder:
        wanted = Path(folder) / "list"
        wanted.write_text(_permitted(run([binaries.restore, "--list", file], env=env, beat=beat)))
        command: list[str | Path] = [
            *(binaries.restore, "--exit-on-error", "--no-password", f"--dbname={database}", *_LEFT_OUT),
            *(f"--use-list={wanted}", file),
        ]
        run(command, env=env, beat=beat)
    return time.monotonic() - start


def read(database: str, beat: Beat) -> tuple[contents.Tables, contents.Positions]:
    """Return what the database holds."""
    with direct.connect(statement_timeout_ms=LONGEST_S * 1000, database=database) as session:
        contents.prepare(session)
        tables = attended(lambda: contents.tables(session), beat, stop=session.cancel)
        return tables, contents.positions(session)


def _permitted(listed: str) -> str:
    """Leave out of a dump's list the extensions that only a superuser can create, where nobody is one."""
    (is_superuser,) = _ask("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")[0]
    if is_superuser:
        return listed
    refused = _ask(
        "SELECT DISTINCT name FROM pg_available_extension_versions WHERE superuser AND NOT trusted"
    )
    names = {name for (name,) in refused}
    lines = listed.splitlines(keepends=True)
    return "".join(line for line in lines if not _creates(line, names))


def _creates(line: str, names: set[str]) -> bool:
    found = _EXTENSION.match(line.rstrip("\n"))
    return found is not None and found[1] in names


def _stem() -> str:
    """Return what the names of scratch databases begin with."""
    name: str = direct.parameters()["dbname"]
    room = _NAME_BYTES - len(_SUFFIX) - 12
    return name.encode()[:room].decode(errors="ignore")


def _create(name: str) -> None:
    # Of a version that does not have them yet, the newer columns are missing.
    ((row,),) = _ask("SELECT to_jsonb(d) FROM pg_database d WHERE datname = current_database()")
    ((encoding,),) = _ask(
        "SELECT pg_encoding_to_char(encoding) FROM pg_database WHERE datname = current_database()"
    )
    options = {"ENCODING": encoding, "LC_COLLATE": row["datcollate"], "LC_CTYPE": row["datctype"]}
    provider = {"b": "builtin", "i": "icu"}.get(row.get("datlocprovider", "c"))
    if provider:
        options["LOCALE_PROVIDER"] = provider
        options[f"{provider}_LOCALE".upper()] = row.get("datlocale") or row["daticulocale"]
    made = [sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name))]
    made += [sql.SQL(f"{option} {{}}").format(sql.Literal(value)) for option, value in options.items()]
    _execute(sql.SQL(" ").join(made))


def _drop(name: str) -> None:
    try:
        _execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
    except psycopg2.Error as error:
        logger.warning("%s could not be dropped; the next verification tries again: %s", name, error)


def _ask(question: str) -> list[tuple[Any, ...]]:
    with direct.connect(statement_timeout_ms=_SHORT_MS) as session, session.cursor() as cursor:
        cursor.execute(question)
        return cursor.fetchall()


def _execute(statement: sql.Composable) -> None:
    with direct.connect(statement_timeout_ms=_SHORT_MS) as session, session.cursor() as cursor:
        cursor.execute(statement)
