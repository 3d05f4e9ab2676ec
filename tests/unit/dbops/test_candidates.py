"""Which indexes and tables are worth a look."""

from dataclasses import replace

import pytest

from dbops import candidates
from dbops.catalogue.activity import roots
from dbops.catalogue.relations import IndexFigures, TableFigures

MB = 1 << 20
INDEX = IndexFigures(
    oid=1,
    root=1,
    table=9,
    table_root=9,
    bytes=MB,
    tuples=1000,
    fill=0.9,
    scans=0,
    keys=(1,),
    key_columns=1,
    method="btree",
    is_unique=False,
    is_valid=True,
    is_partial=False,
    is_needed=False,
)
TABLE = TableFigures(
    oid=9,
    root=9,
    total_bytes=20 * MB,
    table_bytes=10 * MB,
    tuples=0,
    fill=1,
    live_rows=100_000,
    dead_rows=0,
    sequential_scans=50,
    sequential_rows=50 * 100_000,
    index_scans=0,
    modified=0,
    analyzed=None,
)


@pytest.mark.parametrize(
    ("difference", "found"),
    [
        ({}, True),
        ({"scans": 1}, False),
        ({"is_unique": True}, False),
        ({"is_needed": True}, False),
        ({"is_valid": False}, False),
        ({"bytes": 127 << 10}, False),
    ],
    ids=str,
)
def test_an_index_is_unused_when_nothing_scans_or_needs_it(difference, found):
    assert bool(candidates.unused([replace(INDEX, **difference)])) == found


def test_an_index_of_partitions_is_used_when_any_of_them_is():
    parts = [replace(INDEX, oid=oid, table=oid + 10, root=7, table_root=8) for oid in (1, 2, 3)]
    (whole,) = candidates.unused(parts)
    assert (whole.oid, whole.table, whole.bytes) == (7, 8, 3 * MB)
    assert candidates.unused([*parts[:2], replace(parts[2], scans=1)]) == []


@pytest.mark.parametrize(
    ("difference", "found"),
    [
        ({}, True),
        ({"sequential_scans": 49}, False),
        ({"index_scans": 50}, False),
        ({"sequential_rows": 50 * 999}, False),
        ({"table_bytes": MB, "live_rows": 9_999}, False),
        ({"table_bytes": MB}, True),
    ],
    ids=str,
)
def test_a_table_lacks_an_index_when_it_is_large_and_mostly_read_through(difference, found):
    assert bool(candidates.missing([replace(TABLE, **difference)])) == found


def test_bloat_matters_from_half_of_it_and_a_megabyte():
    sizes = {1: 10 * MB, 2: 10 * MB, 3: MB, 4: 40 * MB}
    assert candidates.bloated(sizes, {1: 0.5, 2: 0.49, 3: 0.9, 4: 0.6}) == [4, 1]


@pytest.mark.parametrize(
    ("blocked_by", "expected"),
    [
        ({2: [1]}, {2: 1}),
        ({3: [2], 2: [1]}, {3: 1, 2: 1}),
        ({3: [2, 1], 2: [1]}, {3: 1, 2: 1}),
        ({5: [4], 3: [4], 4: [3]}, {5: 3, 3: 3, 4: 3}),
        ({2: [0]}, {2: 0}),
    ],
    ids=["one", "a chain", "a queue", "a circle", "a prepared transaction"],
)
def test_the_root_is_whom_all_wait_for_in_the_end(blocked_by, expected):
    assert roots(blocked_by) == expected
