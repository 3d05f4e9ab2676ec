"""Tables as CSV, safe to open in a spreadsheet."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from decimal import Decimal
from itertools import islice
from typing import Any

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")


def cell(value: Any) -> str:
    """Write a value; text that a spreadsheet would take for a formula gets an apostrophe in front.

    Source: OWASP, "CSV Injection". Numbers are never escaped, so that negative amounts stay numbers.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, date):
        return value.isoformat()
    text = str(value)
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def csv_chunks(header: Sequence[str], rows: Iterable[Sequence[Any]], *, size: int = 1000) -> Iterator[str]:
    """Yield the table (RFC 4180) in pieces of `size` rows, the header first; never all of it at once."""
    remaining = iter(rows)
    chunk: list[Sequence[Any]] = [header]
    while chunk:
        lines = io.StringIO(newline="")
        csv.writer(lines).writerows([cell(value) for value in row] for row in chunk)
        yield lines.getvalue()
        chunk = list(islice(remaining, size))
