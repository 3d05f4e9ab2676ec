"""A billing file as a table: CSV, plain or by gzip, or Parquet, by what it begins with."""

import codecs
import csv
import gzip
import io
import threading
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import duckdb

from collectors.billing.layouts import Columns, keys_of, quoted
from core.errors import InvalidInputError

ABSENT = "CAST(NULL AS VARCHAR)"
_GZIP, _PARQUET = b"\x1f\x8b", b"PAR1"
LONGEST_RECORD = 1 << 17
"""Records that are longer are broken, whichever way a CSV file is read."""

_PIECE = 1 << 20
# What double precision tells below this has more digits than are kept; it is an approximation anyway.
_TINY = "1e-8"


@dataclass(frozen=True, slots=True)
class Table:
    """A file as DuckDB reads it: a relation, the names of its columns, and each column's text."""

    file: Path
    names: Sequence[str]
    relation: str
    texts: Sequence[str]
    is_csv: bool
    is_gzip: bool = False
    used: set[int] = field(default_factory=set)

    def columns(self) -> Columns:
        """Return the columns by key; those whose text is asked for are noted as `used`."""
        places = keys_of(self.names)

        def text(key: str) -> str:
            if key not in places:
                return ABSENT
            return self._cell(places[key])

        names = {key: self.names[place] for key, place in places.items()}
        return Columns(names, text, self.names, self._cell)

    def _cell(self, place: int) -> str:
        self.used.add(place)
        return self.texts[place]


def opened(connection: duckdb.DuckDBPyConnection, file: Path, link: Path) -> Table:
    """Return the file as a table; `link` leads to it by a name without signs that DuckDB gives a meaning.

    Raises: InvalidInputError when it is no table.
    """
    with file.open("rb") as start:
        first = start.read(4)
    if not first:
        raise InvalidInputError(f"{file.name} is empty.")
    if first == _PARQUET or file.name.endswith(".parquet"):
        return _parquet(connection, file, link)
    is_gzip = first.startswith(_GZIP)
    if file.name.endswith(".gz") and not is_gzip:
        raise InvalidInputError(f"{file.name} is not compressed by gzip.")
    names = header(file, is_gzip=is_gzip)
    return csv_table(file, names, link, is_gzip=is_gzip)


def csv_table(file: Path, names: Sequence[str], path: Path, *, is_gzip: bool) -> Table:
    """Return the CSV file at `path` as a table with columns of these names."""
    relation = csv_relation(path, len(names), is_gzip=is_gzip)
    return Table(file, names, relation, cells(len(names)), is_csv=True, is_gzip=is_gzip)


def cells(number: int) -> list[str]:
    """Return the names by which the columns of a CSV file are read: its own may come twice."""
    return [f"c{place}" for place in range(number)]


def csv_relation(path: Path, number: int, *, is_gzip: bool) -> str:
    """Return SQL that reads a CSV file with a header, all of it as text."""
    columns = ", ".join(f"{name}: 'VARCHAR'" for name in cells(number))
    compression = "gzip" if is_gzip else "none"
    return (
        f"read_csv({quoted(str(path))}, columns = {{{columns}}},"
        " auto_detect = false, header = true, delim = ',',"
        f""" quote = '"', escape = '"', nullstr = ['', 'NULL'], compression = '{compression}',"""
        f" max_line_size = {LONGEST_RECORD})"
    )


@contextmanager
def raw(file: Path, *, is_gzip: bool) -> Iterator[tuple[IO[bytes], IO[bytes]]]:
    """Open the file twofold: its content, and what tells how far it was read."""
    with file.open("rb") as source:
        if not is_gzip:
            yield source, source
            return
        with gzip.GzipFile(fileobj=source) as content, told_when_broken(file):
            yield content, source  # type: ignore[misc]  # GzipFile reads bytes like any file


@contextmanager
def told_when_broken(file: Path) -> Iterator[None]:
    """Raise InvalidInputError where gzip finds the file cut off or damaged."""
    try:
        yield
    except EOFError as error:
        raise InvalidInputError(f"{file.name} is cut off.") from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise InvalidInputError(f"{file.name} is damaged: {error}.") from error


def check_gzip(file: Path, stopped: threading.Event) -> None:
    """Read the file to its end, since DuckDB checks neither that nor the sum. Raises: InvalidInputError."""
    with raw(file, is_gzip=True) as (content, _):
        while not stopped.is_set() and content.read(_PIECE):
            pass


def header(file: Path, *, is_gzip: bool) -> list[str]:
    """Return the names of the columns. Raises: InvalidInputError."""
    with raw(file, is_gzip=is_gzip) as (content, _):
        start = content.read(LONGEST_RECORD)
    whole = start if len(start) < LONGEST_RECORD else start[: start.rfind(b"\n") + 1]
    text = whole.removeprefix(codecs.BOM_UTF8).decode(errors="surrogateescape")
    try:
        names = next(csv.reader(io.StringIO(text, newline=""), strict=True))
        "".join(names).encode()
    except (UnicodeEncodeError, csv.Error, StopIteration) as error:
        raise InvalidInputError(f"{file.name} is no table: its first line cannot be read.") from error
    return names


# --- Parquet ---------------------------------------------------------------------------------
def _parquet(connection: duckdb.DuckDBPyConnection, file: Path, link: Path) -> Table:
    relation = f"read_parquet({quoted(str(link))}, file_row_number = true)"
    try:
        columns = f"SELECT * EXCLUDE file_row_number FROM {relation}"
        described = connection.execute(f"DESCRIBE {columns}").fetchall()
    except duckdb.Error as error:
        raise InvalidInputError(f"{file.name} is no Parquet file that can be read.") from error
    names = [str(row[0]) for row in described]
    return Table(file, names, relation, [_text(str(row[0]), str(row[1])) for row in described], is_csv=False)


def _text(name: str, kind: str) -> str:
    column = '"' + name.replace('"', '""') + '"'
    text = f"CAST({column} AS VARCHAR)"
    if kind in {"FLOAT", "DOUBLE"}:
        rounded = f"CAST(TRY_CAST({text} AS DECIMAL(38, 26)) AS VARCHAR)"
        return f"CASE WHEN abs({column}) < {_TINY} THEN {rounded} ELSE {text} END"
    if kind.startswith("MAP("):
        return f"CAST(to_json({column}) AS VARCHAR)"
    return f"nullif({text}, '')" if kind == "VARCHAR" else text
