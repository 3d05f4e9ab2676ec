"""Bulk writes: rows are copied into a temporary table and merged from there in one statement; bulk reads."""

import io
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any, BinaryIO

import numpy.typing as npt
import orjson
from django.db import connection, models
from django.db.backends.utils import CursorWrapper

from collectors.samples import binary
from pipelines.registry import Counts

_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", "\0": None})
_CHUNK = 1 << 16
_NEEDS_ESCAPE = re.compile(r"[\\\t\n\r\0]")
_REPEATED = {bool, date, datetime, int}
_PLAIN = {*_REPEATED, Decimal, float}


def _text(value: Any) -> str:
    """Write a value in COPY's text format; PostgreSQL cannot hold NUL characters, which are left out."""
    if value is None:
        return "\\N"
    if isinstance(value, (dict, list)):
        return orjson.dumps(value).decode().translate(_ESCAPES)
    return str(value).translate(_ESCAPES)


class _Texts(dict[Any, str]):
    """Values to how they are written: a day or a key of which a column has many is written once."""

    def __missing__(self, value: Any) -> str:
        self[value] = text = str(value)
        return text


def line(values: Iterable[Any]) -> str:
    """Write a row in COPY's text format, with the end of the line."""
    return "\t".join(map(_text, values)) + "\n"


def _column(values: Sequence[Any]) -> Sequence[str]:
    """Write a column's values; columns that cannot need escapes, most of them, take the short way."""
    kinds = set(map(type, values))
    if kinds == {str} and not _NEEDS_ESCAPE.search("".join(values)):
        return values
    if len(kinds) == 1 and kinds <= _REPEATED:
        return list(map(_Texts().__getitem__, values))
    return list(map(str if kinds <= _PLAIN else _text, values))


def _lines(rows: Iterable[Sequence[Any]], key: Sequence[int]) -> list[str]:
    """Write rows in COPY's text format; of rows with the same values in the key's columns, the last one."""
    columns = list(map(_column, zip(*rows, strict=True)))
    if not columns:
        return []
    keys = zip(*(columns[place] for place in key), strict=True)
    return list(dict(zip(keys, map("\t".join, zip(*columns, strict=True)), strict=True)).values())


@dataclass(frozen=True, slots=True)
class Stage:
    """A temporary table that holds the rows to be merged into a model's table."""

    model: type[models.Model]
    columns: tuple[str, ...]
    key: tuple[str, ...]
    rows: int

    @property
    def table(self) -> str:
        return f"stage_{self.target}"

    @property
    def target(self) -> str:
        return self.model._meta.db_table

    @property
    def matches(self) -> str:
        """The join condition between target `t` and stage `s`."""
        return " AND ".join(f"t.{column} = s.{column}" for column in self.key)

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """Run a statement in which {t} and {s} stand for target and stage; return the rows it touched."""
        with connection.cursor() as cursor:
            cursor.execute(sql.format(t=self.target, s=self.table, matches=self.matches), parameters)
            touched: int = cursor.rowcount
        return touched

    def upsert(
        self, *, only_on_insert: Iterable[str] = (), unless: str = "false", in_order: bool = False
    ) -> Counts:
        """Insert what is new, update what differs, leave alone what is equal; count each.

        A stored row `t` for which the condition `unless` holds is left alone as well. Rows that others may
        write at the same time are to be taken in the order of their key, or both may wait for each other.
        """
        order = f"ORDER BY {', '.join(self.key)}" if in_order else ""
        kept = {*self.key, *only_on_insert}
        content = [column for column in self.columns if column not in kept]
        ours, theirs = ", ".join(f"t.{c}" for c in content), ", ".join(f"EXCLUDED.{c}" for c in content)
        columns = ", ".join(self.columns)
        sql = f"""
            WITH written AS (
                INSERT INTO {self.target} AS t ({columns})
                SELECT {columns} FROM {self.table} {order}
                ON CONFLICT ({", ".join(self.key)}) DO UPDATE SET ({", ".join(content)}) = ROW({theirs})
                WHERE ({ours}) IS DISTINCT FROM ({theirs}) AND NOT ({unless})
                RETURNING (t.xmax = 0) AS created
            )
            SELECT count(*) FILTER (WHERE created), count(*) FILTER (WHERE NOT created) FROM written"""
        with connection.cursor() as cursor:
            cursor.execute(sql)
            created, updated = cursor.fetchone()
        return Counts(created=created, updated=updated, unchanged=self.rows - created - updated)

    def delete_missing(self, stored: models.QuerySet[Any]) -> int:
        """Delete those of the stored rows that the stage does not have; return how many."""
        vanished = stored.count() - self.rows
        if vanished:
            # Without an index and fresh statistics, PostgreSQL may compare every row with every other.
            self.execute(f"CREATE INDEX ON {{s}} ({', '.join(self.key)})")
            self.execute("ANALYZE {s}")
            ids = stored.values_list("pk", flat=True)
            self.execute(
                "DELETE FROM {t} t WHERE id = ANY(%s) AND NOT EXISTS (SELECT FROM {s} s WHERE {matches})",
                [list(ids)],
            )
        return vanished


@contextmanager
def staged(
    model: type[models.Model],
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    *,
    key: Sequence[str],
) -> Iterator[Stage]:
    """Copy the rows into a temporary table and yield it; for use inside a transaction.

    `columns` are database columns, `rows` their values in the same order. Of rows with the same key the
    last one counts.
    """
    lines = _lines(rows, [columns.index(column) for column in key])
    content = "\n".join([*lines, ""]).encode()
    with _copied(Stage(model, tuple(columns), tuple(key), len(lines)), content, "text") as stage:
        yield stage


@contextmanager
def copied(
    model: type[models.Model], columns: Sequence[str], content: bytes, *, key: Sequence[str], rows: int
) -> Iterator[Stage]:
    """Copy what is written in COPY's binary format into a temporary table, as `staged` does.

    `content` has that many rows, each key once.
    """
    with _copied(Stage(model, tuple(columns), tuple(key), rows), content, "binary") as stage:
        yield stage


def copy(table: str, columns: Sequence[str], content: bytes) -> None:
    """Copy what is written in COPY's binary format into a table, which has none of the rows' keys."""
    with connection.cursor() as cursor:
        _copy(cursor, table, columns, content, "binary")


def load(table: str, lines: BinaryIO) -> None:
    """Copy lines, as `line` writes them, into a table of those columns."""
    with connection.cursor() as cursor:
        cursor.copy_expert(f"COPY {table} FROM STDIN (FORMAT text)", lines, _CHUNK)


@contextmanager
def selected(
    model: type[models.Model],
    columns: Sequence[str],
    query: str,
    parameters: Sequence[Any] = (),
    *,
    key: Sequence[str],
) -> Iterator[Stage]:
    """Stage what a query selects, in the order of the columns and each key once."""
    stage = Stage(model, tuple(columns), tuple(key), 0)
    with connection.cursor() as cursor:
        cursor.execute(
            f"CREATE TEMP TABLE {stage.table} ({', '.join(columns)}) ON COMMIT DROP AS {query}", parameters
        )
        yield replace(stage, rows=cursor.rowcount)
        cursor.execute(f"DROP TABLE {stage.table}")


@contextmanager
def _copied(stage: Stage, content: bytes, form: str) -> Iterator[Stage]:
    empty = f"SELECT {', '.join(stage.columns)} FROM {stage.target} WHERE false"
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TEMP TABLE {stage.table} ON COMMIT DROP AS {empty}")
        _copy(cursor, stage.table, stage.columns, content, form)
        yield stage
        cursor.execute(f"DROP TABLE {stage.table}")


def _copy(cursor: CursorWrapper, table: str, columns: Sequence[str], content: bytes, form: str) -> None:
    sql = f"COPY {table} ({', '.join(columns)}) FROM STDIN (FORMAT {form})"
    cursor.copy_expert(sql, io.BytesIO(content), _CHUNK)


def columns(sql: str, parameters: Sequence[Any], kinds: Sequence[npt.DTypeLike]) -> list[npt.NDArray[Any]]:
    """Return the columns that a query selects, which have these types and are never null."""
    content = io.BytesIO()
    with connection.cursor() as cursor:
        selected = cursor.mogrify(sql, parameters).decode()
        cursor.copy_expert(f"COPY ({selected}) TO STDOUT (FORMAT binary)", content)
    return binary.read(content.getbuffer(), kinds)


def array(numbers: Iterable[int]) -> str:
    """Write integers as an array's text; psycopg2 takes many times as long for a list."""
    return f"{{{','.join(map(str, numbers))}}}"
