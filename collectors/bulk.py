"""Bulk writes: rows are copied into a temporary table and merged from there in one statement."""

import io
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from operator import itemgetter
from typing import Any

import orjson
from django.db import connection, models

from pipelines.registry import Counts

_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", "\0": None})
_NEEDS_ESCAPE = re.compile(r"[\\\t\n\r\0]")
_PLAIN = {int, float, bool, Decimal, date, datetime}


def _text(value: Any) -> str:
    """Write a value in COPY's text format; PostgreSQL cannot hold NUL characters, which are left out."""
    if value is None:
        return "\\N"
    if isinstance(value, (dict, list)):
        return orjson.dumps(value).decode().translate(_ESCAPES)
    return str(value).translate(_ESCAPES)


def _column(values: Sequence[Any]) -> Iterable[str]:
    """Write a column's values; columns that cannot need escapes, most of them, take the short way."""
    kinds = set(map(type, values))
    if kinds == {str} and not _NEEDS_ESCAPE.search("".join(values)):
        return values
    return map(str if kinds <= _PLAIN else _text, values)


def _copy_text(rows: Iterable[Sequence[Any]]) -> str:
    """Write rows in COPY's text format."""
    columns = map(_column, zip(*rows, strict=True))
    return "".join([line + "\n" for line in map("\t".join, zip(*columns, strict=True))])


@dataclass(frozen=True, slots=True)
class Stage:
    """A temporary table that holds the rows to be merged into a model's table."""

    model: type[models.Model]
    columns: tuple[str, ...]
    key: tuple[str, ...]

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

    def upsert(self, *, only_on_insert: Iterable[str] = (), unless: str = "false") -> Counts:
        """Insert what is new, update what differs, leave alone what is equal; count each.

        A stored row `t` for which the condition `unless` holds is left alone as well.
        """
        kept = {*self.key, *only_on_insert}
        content = [column for column in self.columns if column not in kept]
        ours, theirs = ", ".join(f"t.{c}" for c in content), ", ".join(f"EXCLUDED.{c}" for c in content)
        columns = ", ".join(self.columns)
        sql = f"""
            WITH written AS (
                INSERT INTO {self.target} AS t ({columns})
                SELECT {columns} FROM {self.table} ORDER BY {", ".join(self.key)}
                ON CONFLICT ({", ".join(self.key)}) DO UPDATE SET ({", ".join(content)}) = ROW({theirs})
                WHERE ({ours}) IS DISTINCT FROM ({theirs}) AND NOT ({unless})
                RETURNING (t.xmax = 0) AS created
            )
            SELECT count(*) FILTER (WHERE created), count(*) FILTER (WHERE NOT created),
                   (SELECT count(*) FROM {self.table}) - count(*)
            FROM written"""
        with connection.cursor() as cursor:
            cursor.execute(sql)
            created, updated, unchanged = cursor.fetchone()
        return Counts(created=created, updated=updated, unchanged=unchanged)

    def delete_missing(self, stored: models.QuerySet[Any]) -> int:
        """Delete those of the stored rows that the stage does not have; return how many."""
        vanished = stored.count() - self.execute("SELECT FROM {s}")
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
    key_of = itemgetter(*map(columns.index, key))
    unique = {key_of(row): row for row in rows}
    with copied(model, columns, _copy_text(unique.values()), key=key) as stage:
        yield stage


@contextmanager
def copied(
    model: type[models.Model], columns: Sequence[str], content: str | bytes, *, key: Sequence[str]
) -> Iterator[Stage]:
    """Copy what is written in COPY's text or binary format into a temporary table, as `staged` does.

    It has each key once.
    """
    stage = Stage(model, tuple(columns), tuple(key))
    text = isinstance(content, str)
    lines = io.StringIO(content) if isinstance(content, str) else io.BytesIO(content)
    names = ", ".join(columns)
    empty = f"SELECT {names} FROM {stage.target} WHERE false"
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TEMP TABLE {stage.table} ON COMMIT DROP AS {empty}")
        cursor.copy_expert(
            f"COPY {stage.table} ({names}) FROM STDIN (FORMAT {'text' if text else 'binary'})", lines
        )
        yield stage
        cursor.execute(f"DROP TABLE {stage.table}")
