"""Which indexes seem to be of no use, which tables seem to lack one, and what seems bloated: pure rules.

Partitions are judged together, as what they are partitions of: an index is made and dropped there.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TypeVar

from dbops.catalogue.relations import IndexFigures, TableFigures

Figures = TypeVar("Figures", IndexFigures, TableFigures)

UNUSED_LEAST_BYTES = 128 << 10
TABLE_LEAST_BYTES = 8 << 20
TABLE_LEAST_ROWS = 10_000
LEAST_SCANS = 50
LEAST_ROWS_A_SCAN = 1_000
BLOATED_SHARE = 0.5
BLOATED_LEAST_WASTE_BYTES = 1 << 20


def unused(indexes: Iterable[IndexFigures]) -> list[IndexFigures]:
    """Return the indexes of 128 kB and more that no scan used and that nothing else needs, the largest first.

    Needed are those that keep rows unique or stand behind a constraint, whether they are scanned or not.
    """
    wholes = map(_whole_index, _by_root(indexes).values())
    found = (each for each in wholes if each.scans == 0 and each.bytes >= UNUSED_LEAST_BYTES)
    spare = (each for each in found if each.is_valid and not each.is_unique and not each.is_needed)
    return sorted(spare, key=lambda each: -each.bytes)


def _by_root(figures: Iterable[Figures]) -> dict[int, list[Figures]]:
    found: defaultdict[int, list[Figures]] = defaultdict(list)
    for each in figures:
        found[each.root].append(each)
    return found


def _whole_index(parts: list[IndexFigures]) -> IndexFigures:
    return replace(
        parts[0],
        oid=parts[0].root,
        table=parts[0].table_root,
        bytes=sum(each.bytes for each in parts),
        scans=sum(each.scans for each in parts),
        is_valid=all(each.is_valid for each in parts),
        is_unique=any(each.is_unique for each in parts),
        is_needed=any(each.is_needed for each in parts),
    )


def missing(tables: Iterable[TableFigures]) -> list[TableFigures]:
    """Return the tables that are large and mostly read from end to end, those that cost most rows first.

    Large is 8 MB or 10,000 rows. Most of at least 50 scans were sequential ones, and these read 1,000 rows
    or more on average: those that a LIMIT ended early did no harm.
    """
    wholes = map(_whole_table, _by_root(tables).values())
    found = (each for each in wholes if _is_large(each) and _is_read_through(each))
    return sorted(found, key=lambda each: -each.sequential_rows)


def _whole_table(parts: list[TableFigures]) -> TableFigures:
    return replace(
        parts[0],
        oid=parts[0].root,
        total_bytes=sum(each.total_bytes for each in parts),
        table_bytes=sum(each.table_bytes for each in parts),
        tuples=sum(max(each.tuples, 0) for each in parts),
        live_rows=sum(each.live_rows for each in parts),
        dead_rows=sum(each.dead_rows for each in parts),
        sequential_scans=sum(each.sequential_scans for each in parts),
        sequential_rows=sum(each.sequential_rows for each in parts),
        index_scans=sum(each.index_scans for each in parts),
        modified=sum(each.modified for each in parts),
        analyzed=min((each.analyzed for each in parts if each.analyzed), default=None),
    )


def _is_large(table: TableFigures) -> bool:
    return table.table_bytes >= TABLE_LEAST_BYTES or table.rows >= TABLE_LEAST_ROWS


def _is_read_through(table: TableFigures) -> bool:
    scans = table.sequential_scans
    often = scans >= LEAST_SCANS and scans > table.index_scans
    return often and table.sequential_rows / scans >= LEAST_ROWS_A_SCAN


def bloated(sizes: Mapping[int, int], bloat: Mapping[int, float]) -> list[int]:
    """Return what could do without half of its bytes and a megabyte, those that waste most first.

    `sizes` are the bytes of relations, `bloat` the share of them that is estimated to be empty or dead.
    """
    wasted = {oid: sizes[oid] * share for oid, share in bloat.items() if share >= BLOATED_SHARE}
    much = [oid for oid, waste in wasted.items() if waste >= BLOATED_LEAST_WASTE_BYTES]
    return sorted(much, key=lambda oid: -wasted[oid])
