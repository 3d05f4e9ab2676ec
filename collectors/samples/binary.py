"""Samples in COPY's binary format, by numpy: no value is printed and read, and no row is made by itself.

Source: https://www.postgresql.org/docs/current/sql-copy.html (binary format): a signature, the rows, a
trailer; a row is its number of fields and, for each, a length and that many bytes, -1 for null.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER = b"\xff\xff"
_COUNT, _LENGTH = ">i2", ">i4"
_NULL = [(_LENGTH, -1)]

Numbers = npt.NDArray[np.integer[Any]]
Part = tuple[str, Any]
"""A part of each row: its type, and its value in all rows or a column of them."""


def written(known: Sequence[Numbers], values: npt.NDArray[np.float64]) -> bytes:
    """Write rows of integer columns, then of the rows of `values`, of which NaN is null.

    The columns' types become PostgreSQL's: int16 smallint, int32 integer, int64 bigint, or a timestamp's
    microseconds since 2000.
    """
    return b"".join([_HEADER, *_rows(known, values), _TRAILER])


def _rows(known: Sequence[Numbers], values: npt.NDArray[np.float64]) -> Iterator[bytes]:
    """Write together the rows of which the same values are known: these have one layout."""
    is_known = ~np.isnan(values)
    kinds = np.packbits(is_known, axis=0)[0]
    for kind in np.unique(kinds):
        alike = np.flatnonzero(kinds == kind)
        parts = [(_COUNT, len(known) + len(values))]
        for column in known:
            parts += _field(column[alike])
        for has_value, column in zip(is_known[:, alike[0]], values[:, alike], strict=True):
            parts += _field(column) if has_value else _NULL
        yield _side_by_side(parts, len(alike))


def _field(column: npt.NDArray[Any]) -> list[Part]:
    return [(_LENGTH, column.itemsize), (_kind(column.dtype), column)]


def _kind(native: npt.DTypeLike) -> str:
    return np.dtype(native).newbyteorder(">").str


def _side_by_side(parts: list[Part], rows: int) -> bytes:
    table = np.empty(rows, [("", kind) for kind, _ in parts])
    for name, (_, content) in zip(table.dtype.names or (), parts, strict=True):
        table[name] = content
    return table.tobytes()


def read(content: bytes | memoryview, kinds: Sequence[npt.DTypeLike]) -> list[npt.NDArray[Any]]:
    """Return the columns of what was copied out, whose fields have these types and are never null.

    Raises: ValueError where they have others.
    """
    parts = [_COUNT, *(part for kind in kinds for part in (_LENGTH, _kind(kind)))]
    rows = np.frombuffer(content[len(_HEADER) : -len(_TRAILER)], [("", part) for part in parts])
    count, *fields = rows.dtype.names or ()
    expected = {count: len(kinds)} | {
        name: np.dtype(kind).itemsize for name, kind in zip(fields[::2], kinds, strict=True)
    }
    if any((rows[name] != size).any() for name, size in expected.items()):
        raise ValueError(f"The rows do not have the fields {', '.join(map(str, kinds))}, all of them known.")
    return [rows[name].astype(kind) for name, kind in zip(fields[1::2], kinds, strict=True)]
