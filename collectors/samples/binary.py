"""Samples in COPY's binary format, by numpy: no value is printed and read, and no row is made by itself.

Source: https://www.postgresql.org/docs/current/sql-copy.html (binary format): a signature, the rows, a
trailer; a row is its number of fields and, for each, a length and that many bytes, -1 for null.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from collectors.samples.batch import Batch

_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER = b"\xff\xff"
_COUNT, _LENGTH, _INTEGER, _TIME, _FLOAT = ">i2", ">i4", ">i4", ">i8", ">f8"
_FIELDS = 6
_NULL = [(_LENGTH, -1)]

Part = tuple[str, Any]
"""A part of each row: its type, and its value in all rows or a column of them."""


def written(batch: Batch) -> bytes:
    """Write samples: series, timestamp, CPU, memory, network in, network out; unknown is null."""
    return b"".join([_HEADER, *_rows(batch), _TRAILER])


def _rows(batch: Batch) -> Iterator[bytes]:
    """Write together the samples of which the same metrics are known: their rows have one layout."""
    known = ~np.isnan(batch.values)
    kinds = np.packbits(known, axis=0)[0]
    for kind in np.unique(kinds):
        alike = np.flatnonzero(kinds == kind)
        metrics = zip(known[:, alike[0]], batch.values[:, alike], strict=True)
        parts = [
            (_COUNT, _FIELDS),
            *_field(_INTEGER, batch.series[alike]),
            *_field(_TIME, batch.times[alike]),
        ]
        for is_known, values in metrics:
            parts += _field(_FLOAT, values) if is_known else _NULL
        yield _side_by_side(parts, len(alike))


def _field(kind: str, column: npt.NDArray[Any]) -> list[Part]:
    return [(_LENGTH, np.dtype(kind).itemsize), (kind, column)]


def _side_by_side(parts: list[Part], rows: int) -> bytes:
    table = np.empty(rows, [("", kind) for kind, _ in parts])
    for name, (_, content) in zip(table.dtype.names or (), parts, strict=True):
        table[name] = content
    return table.tobytes()
