"""How many pages a table or a B-tree index would fill if it were just written: arithmetic, no I/O.

Source: PostgreSQL's documentation, "Database Page Layout" (page and tuple headers, item pointers, alignment)
and "B-Tree Indexes: Implementation" (special space, deduplication into posting lists).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

PAGE_HEADER_BYTES = 24
ITEM_POINTER_BYTES = 4
ALIGNMENT_BYTES = 8
HEAP_HEADER_BYTES = 23
INDEX_HEADER_BYTES = 8
INDEX_BITMAP_BYTES = 4
BTREE_SPECIAL_BYTES = 16
TID_BYTES = 6
POSTING_SHARE = 0.1
"""A posting list is written up to this share of a page."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column's average bytes where it is not null; `length` is -1 for those that vary."""

    width: float
    null_share: float
    length: int
    alignment: int

    @property
    def varies(self) -> bool:
        return self.length < 0


def _aligned(size: float) -> float:
    """Round up, as tuples and headers are."""
    return math.ceil(size / ALIGNMENT_BYTES) * ALIGNMENT_BYTES


@dataclass(slots=True)
class _Row:
    """Values one after another: their average bytes, and where the end is as far as alignment goes.

    The end is `place` bytes behind a multiple of `known`; 1 is that nothing is known.
    """

    size: float = 0.0
    place: int = 0
    known: int = ALIGNMENT_BYTES

    def align(self, alignment: int) -> float:
        """Return the average padding that this alignment takes."""
        ends = range(self.place, max(alignment, self.known), self.known)
        return sum(-end % alignment for end in ends) / len(ends)

    def add(self, column: Column) -> None:
        """Put a value behind the others; a share of the rows goes without it."""
        padding = 0.0 if column.varies else self.align(column.alignment)
        self.size += (1 - column.null_share) * (column.width + padding)
        if column.varies or column.null_share:
            self.place, self.known = 0, 1
            return
        exact = column.alignment <= self.known
        self.known = max(self.known, column.alignment)
        self.place = (round(self.place + padding if exact else 0) + column.length) % self.known


def _data_bytes(columns: Sequence[Column]) -> float:
    """Return the average size of the values with what lies between them, as the whole is aligned."""
    row = _Row()
    for column in columns:
        row.add(column)
    return row.size + row.align(ALIGNMENT_BYTES)


def _null_bitmap_share(columns: Sequence[Column]) -> float:
    """Return the share of rows in which anything is null."""
    return 1 - math.prod(1 - column.null_share for column in columns)


def heap_bytes(columns: Sequence[Column]) -> float:
    """Return the average size of a row with its header, without its item pointer."""
    plain = _aligned(HEAP_HEADER_BYTES)
    with_bitmap = _aligned(HEAP_HEADER_BYTES + math.ceil(len(columns) / 8))
    share = _null_bitmap_share(columns)
    return (1 - share) * plain + share * with_bitmap + _data_bytes(columns)


def index_bytes(columns: Sequence[Column]) -> float:
    """Return the average size of an index entry with its header, without its item pointer."""
    with_bitmap = _aligned(INDEX_HEADER_BYTES + INDEX_BITMAP_BYTES)
    share = _null_bitmap_share(columns)
    return (1 - share) * INDEX_HEADER_BYTES + share * with_bitmap + _data_bytes(columns)


def heap_pages(rows: float, row_bytes: float, *, page: int, fill: float) -> int:
    """Return the pages of so many rows, each page filled up to the share `fill`."""
    usable = page * fill - PAGE_HEADER_BYTES
    return math.ceil(rows / max(1, usable // (row_bytes + ITEM_POINTER_BYTES)))


def btree_pages(rows: float, distinct: float, entry_bytes: float, *, page: int, fill: float) -> int:
    """Return the pages of an index: its leaves, those above them, and the one that describes it.

    `distinct` is the number of different keys; it equals `rows` where equal keys are not deduplicated.
    """
    entries = _entries_bytes(rows, distinct, entry_bytes, page)
    usable = page * fill - PAGE_HEADER_BYTES - BTREE_SPECIAL_BYTES
    # Each leaf also holds the key that ends it.
    leaves = math.ceil(entries / max(1.0, usable - entry_bytes - ITEM_POINTER_BYTES))
    level, above = leaves, 0
    fanout = max(2.0, usable // (entry_bytes + ITEM_POINTER_BYTES))
    while level > 1:
        level = math.ceil(level / fanout)
        above += level
    return max(1, leaves) + above + 1


def _entries_bytes(rows: float, distinct: float, entry_bytes: float, page: int) -> float:
    """Return the bytes of all leaf entries with their item pointers; equal keys share posting lists."""
    each = rows / max(1.0, min(distinct, rows))
    if each < 2:  # noqa: PLR2004 - two make the shortest list
        return rows * (entry_bytes + ITEM_POINTER_BYTES)
    longest = max(2, (page * POSTING_SHARE - entry_bytes) // TID_BYTES)
    lists = math.ceil(each / longest)
    return distinct * (lists * (entry_bytes + ITEM_POINTER_BYTES) + each * TID_BYTES)


def bloat(actual_pages: int, expected_pages: int) -> float:
    """Return the share of the pages that would not be needed, 0 to 1."""
    return max(0.0, 1 - expected_pages / actual_pages) if actual_pages else 0.0
