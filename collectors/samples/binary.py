"""Samples in COPY's binary format, by numpy: no value is printed and read, and no row is made by itself.

Source: https://www.postgresql.org/docs/current/sql-copy.html (binary format): a signature, the rows, a
trailer; a row is its number of fields and, for each, a length and that many bytes, -1 for null.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER = b"\xff\xff"
_COUNT, _LENGTH, _INTEGER, _TIME, _FLOAT = ">i2", ">i4", ">i4", ">i8", ">f8"
_FIELDS = 6
_NULL = [(_LENGTH, -1)]

Numbers = npt.NDArray[np.integer[Any]]
Part = tuple[str, Any]
"""A part of each row: its type, and its value in all rows or a column of them."""


def written(series: Numbers, times: Numbers, values: npt.NDArray[np.float64]) -> bytes:
    """Write samples: series, microseconds since 2000, and four metrics, a row each, NaN being null."""
    return b"".join([_HEADER, *_rows(series, times, values), _TRAILER])


def _rows(series: Numbers, times: Numbers, values: npt.NDArray[np.float64]) -> Iterator[bytes]:
    """Write together the samples of which the same metrics are known: their rows have one layout."""
    known = ~np.isnan(values)
    kinds = np.packbits(known, axis=0)[0]
    for kind in np.unique(kinds):
        alike = np.flatnonzero(kinds == kind)
        parts = [(_COUNT, _FIELDS), *_field(_INTEGER, series[alike]), *_field(_TIME, times[alike])]
        for is_known, column in zip(known[:, alike[0]], values[:, alike], strict=True):
            parts += _field(_FLOAT, column) if is_known else _NULL
        yield _side_by_side(parts, len(alike))


def _field(kind: str, column: npt.NDArray[Any]) -> list[Part]:
    return [(_LENGTH, np.dtype(kind).itemsize), (kind, column)]


def _side_by_side(parts: list[Part], rows: int) -> bytes:
    table = np.empty(rows, [("", kind) for kind, _ in parts])
    for name, (_, content) in zip(table.dtype.names or (), parts, strict=True):
        table[name] = content
    return table.tobytes()
