"""How much of tables and B-tree indexes is empty or dead, estimated from the planner's statistics."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

from dbops import pagelayout
from dbops.catalogue.glance import Glance
from dbops.catalogue.relations import IndexFigures, Relations, TableFigures
from dbops.pagelayout import Column

LEAST_BYTES = 1 << 20
"""Of smaller relations it does not matter, and an estimate would be coarse."""

_COLUMNS = """
    SELECT a.attrelid AS relation, a.attnum AS number, a.attlen AS length,
        CASE a.attalign WHEN 'd' THEN 8 WHEN 'i' THEN 4 WHEN 's' THEN 2 ELSE 1 END AS alignment,
        s.avg_width AS width, s.null_frac::float8 AS null_share, s.n_distinct::float8 AS distinct
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
        LEFT JOIN pg_stats s ON s.schemaname = n.nspname AND s.tablename = c.relname
            AND s.attname = a.attname AND NOT s.inherited
    WHERE a.attrelid = ANY(%s) AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated <> 'v'
    ORDER BY a.attrelid, a.attnum"""

# Those whose types all say that values which are equal look alike, which is support function 4.
_DEDUPLICATED = """
    SELECT i.indexrelid AS oid FROM pg_index i
    WHERE i.indexrelid = ANY(%s) AND NOT i.indisunique AND i.indnatts = i.indnkeyatts AND NOT EXISTS (
        SELECT FROM unnest(i.indclass) AS class JOIN pg_opclass o ON o.oid = class
        WHERE NOT EXISTS (SELECT FROM pg_amproc p WHERE p.amprocfamily = o.opcfamily
            AND p.amproclefttype = o.opcintype AND p.amprocrighttype = o.opcintype AND p.amprocnum = 4)
    )"""

Columns = dict[int, dict[int, Any]]
"""What `_COLUMNS` found, by relation and number."""


def estimates(glance: Glance, relations: Relations) -> dict[int, float]:
    """Return the share of its bytes that each larger relation could do without, where it can be estimated.

    What has never been analysed is left out: nothing is known of the width of its rows.
    """
    tables = [each for each in relations.tables.values() if each.table_bytes >= LEAST_BYTES]
    indexes = [
        each
        for each in relations.indexes.values()
        if each.bytes >= LEAST_BYTES and each.method == "btree" and each.table in relations.tables
    ]
    wanted = {each.oid for each in tables} | {oid for each in indexes for oid in (each.oid, each.table)}
    columns = _columns(glance, wanted)
    shared = _deduplicated(glance, [each.oid for each in indexes])
    page = relations.database.page_bytes
    return {
        **dict(_of_tables(tables, columns, page)),
        **{index.oid: share for index, share in _of_indexes(indexes, relations, columns, shared)},
    }


def _columns(glance: Glance, oids: Collection[int]) -> Columns:
    found: Columns = defaultdict(dict)
    for row in glance.attempt(_COLUMNS, [list(oids)]) if oids else []:
        found[row.relation][row.number] = row
    return found


def _deduplicated(glance: Glance, oids: Collection[int]) -> set[int]:
    return {row.oid for row in glance.attempt(_DEDUPLICATED, [list(oids)])} if oids else set()


def _of_tables(tables: Sequence[TableFigures], columns: Columns, page: int) -> Iterator[tuple[int, float]]:
    for table in tables:
        layout = _layout(list(columns[table.oid].values()))
        if layout:
            size = pagelayout.heap_bytes(layout)
            needed = pagelayout.heap_pages(table.rows, size, page=page, fill=table.fill)
            yield table.oid, pagelayout.bloat(table.table_bytes // page, needed)


def _layout(rows: Sequence[Any]) -> list[Column]:
    """Return the columns, or nothing where one of them has no statistics."""
    if any(row.width is None for row in rows):
        return []
    return [Column(row.width, row.null_share, row.length, row.alignment) for row in rows]


# --- Indexes ---------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class _Entry:
    """A column of an index: laid out as the index has it, with the statistics of its table's column."""

    length: int
    alignment: int
    width: float | None
    null_share: float
    distinct: float


def _of_indexes(
    indexes: Sequence[IndexFigures], relations: Relations, columns: Columns, shared: Collection[int]
) -> Iterator[tuple[IndexFigures, float]]:
    page = relations.database.page_bytes
    for index in indexes:
        entries = list(_entries(index, columns))
        layout = _layout(entries)
        if layout and len(layout) == len(index.keys) and index.is_valid:
            rows = _rows(index, relations.tables[index.table])
            distinct = _distinct(entries, rows) if index.oid in shared else rows
            size = pagelayout.index_bytes(layout)
            needed = pagelayout.btree_pages(rows, distinct, size, page=page, fill=index.fill)
            yield index, pagelayout.bloat(index.bytes // page, needed)


def _rows(index: IndexFigures, table: TableFigures) -> float:
    return max(index.tuples, 0.0) if index.is_partial else max(index.tuples, table.rows)


def _entries(index: IndexFigures, columns: Columns) -> Iterator[_Entry]:
    """Yield the columns of an index; expressions have statistics of their own, under the index's name."""
    for place, key in enumerate(index.keys, start=1):
        own = columns[index.oid].get(place)
        known = columns[index.table].get(key) if key else own
        if own is None or known is None:
            continue
        yield _Entry(own.length, own.alignment, known.width, known.null_share or 0.0, known.distinct or -1.0)


def _distinct(entries: Sequence[_Entry], rows: float) -> float:
    """Return how many different keys there are; columns are taken to be independent, which says too many."""
    # Statistics count distinct values; a negative number is their share of the rows.
    each = (-entry.distinct * rows if entry.distinct < 0 else entry.distinct for entry in entries)
    return min(rows, prod(max(1.0, number) for number in each))
