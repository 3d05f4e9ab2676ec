"""The estimate of bloat, beside what pgstattuple counts page by page."""

import pytest

from dbops.catalogue import bloat, relations
from dbops.catalogue.glance import glance
from tests.integration.dbops.looking import run

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("patience")]

TABLE = """CREATE TABLE t_bloat AS SELECT i AS id, i % 200 AS kind, now() + i * interval '1 s' AS at,
    CASE WHEN i % 3 = 0 THEN NULL ELSE repeat('x', i % 60) END AS note, i::float8 AS value, i % 2 = 0 AS flag
    FROM generate_series(1, 60000) AS i"""
INDEXES = {
    "t_bloat_id": "CREATE UNIQUE INDEX t_bloat_id ON t_bloat (id)",
    "t_bloat_kind": "CREATE INDEX t_bloat_kind ON t_bloat (kind)",
    "t_bloat_both": "CREATE INDEX t_bloat_both ON t_bloat (at, note)",
    "t_bloat_value": "CREATE INDEX t_bloat_value ON t_bloat (value) WITH (fillfactor = 70)",
    "t_bloat_lower": "CREATE INDEX t_bloat_lower ON t_bloat (lower(note), id)",
}


@pytest.fixture
def tables(application, monkeypatch):
    """A table with all sorts of columns and indexes, as it was just written."""
    monkeypatch.setattr(bloat, "LEAST_BYTES", 200_000)
    run(application, TABLE, *INDEXES.values(), "CREATE EXTENSION IF NOT EXISTS pgstattuple")
    run(application, "VACUUM (ANALYZE) t_bloat")
    yield application
    run(application, "DROP EXTENSION pgstattuple")


def estimates():
    with glance() as looking:
        found = relations.read(looking, relations.database(looking))
        shares = bloat.estimates(looking, found)
        names = relations.names(looking, shares.keys())
    return {names[oid].name: share for oid, share in shares.items()}


def table_truth(connected):
    """The share of the table's bytes that is free, or dead."""
    ((percent,),) = run(connected, "SELECT free_percent + dead_tuple_percent FROM pgstattuple('t_bloat')")
    return percent / 100


@pytest.mark.parametrize(
    "deleted", [None, "id % 4 > 0", "id > 6000"], ids=["fresh", "3 of 4", "all but the first"]
)
def test_estimates_are_near_what_is_counted_page_by_page(tables, deleted):
    if deleted:
        # A row stays at the end, or VACUUM would cut the empty pages off.
        run(tables, f"DELETE FROM t_bloat WHERE {deleted} AND id < 60000", "VACUUM (ANALYZE) t_bloat")
    found = estimates()
    # The pointers to rows that are gone are neither free nor dead to pgstattuple.
    assert found["t_bloat"] == pytest.approx(table_truth(tables), abs=0.06)
    for name in INDEXES:
        truth = rebuilt_share(tables, name)
        assert found[name] == pytest.approx(truth, abs=0.1), name


def rebuilt_share(connected, name):
    """The share of an index's bytes that it does without once it is built anew."""
    ((before,),) = run(connected, f"SELECT pg_relation_size('{name}')")
    run(connected, f"REINDEX INDEX {name}")
    ((after,),) = run(connected, f"SELECT pg_relation_size('{name}')")
    return 1 - after / before


def test_a_sparse_index_is_seen_by_pgstatindex_and_by_the_estimate(tables):
    run(tables, "DELETE FROM t_bloat WHERE id % 10 > 0", "VACUUM (ANALYZE) t_bloat")
    ((density,),) = run(tables, "SELECT avg_leaf_density FROM pgstatindex('t_bloat_id')")
    assert density < 15, "nine of ten entries are gone, and the pages are kept"
    assert estimates()["t_bloat_id"] == pytest.approx(1 - density / 90, abs=0.05)


def test_nothing_is_estimated_of_what_was_never_analysed(application, monkeypatch):
    monkeypatch.setattr(bloat, "LEAST_BYTES", 0)
    run(
        application,
        "CREATE TABLE t_new (id int) WITH (autovacuum_enabled = off)",
        "INSERT INTO t_new SELECT generate_series(1, 1000)",
    )
    assert "t_new" not in estimates()
    run(application, "ANALYZE t_new")
    assert "t_new" in estimates()


def test_nothing_is_estimated_of_what_is_small(application):
    run(application, "CREATE TABLE t_small AS SELECT generate_series(1, 1000) AS id", "ANALYZE t_small")
    assert "t_small" not in estimates()
