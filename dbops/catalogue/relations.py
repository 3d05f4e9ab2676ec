"""Tables and indexes: their sizes, how they are used, and the age of the oldest transaction id."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from dbops.catalogue.glance import Glance

_DATABASE = """
    SELECT pg_database_size(oid) AS bytes, age(datfrozenxid) AS xid_age,
        current_setting('block_size')::int AS page_bytes,
        (SELECT stats_reset FROM pg_stat_database s WHERE s.datid = d.oid) AS counted_since
    FROM pg_database d WHERE datname = current_database()"""

# Asking for the size of what somebody has locked altogether would wait for them: there, the last size that
# VACUUM or ANALYZE saw has to do.
_RELATIONS = """
    WITH locked AS MATERIALIZED (
        SELECT relation FROM pg_locks WHERE locktype = 'relation' AND mode = 'AccessExclusiveLock'
            AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    )
    SELECT c.oid, c.relkind AS kind, c.reltoastrelid AS toast, c.reltuples::float8 AS tuples,
        CASE WHEN c.oid IN (SELECT relation FROM locked)
            THEN c.relpages::bigint * current_setting('block_size')::int
            ELSE coalesce(pg_relation_size(c.oid), 0) END AS bytes,
        coalesce((SELECT option_value::int FROM pg_options_to_table(c.reloptions)
            WHERE option_name = 'fillfactor'), 0) AS fill_percent,
        pg_stat_get_numscans(c.oid) AS scans, pg_stat_get_tuples_returned(c.oid) AS rows_read,
        pg_stat_get_live_tuples(c.oid) AS live_rows, pg_stat_get_dead_tuples(c.oid) AS dead_rows,
        pg_stat_get_mod_since_analyze(c.oid) AS modified,
        greatest(pg_stat_get_last_analyze_time(c.oid), pg_stat_get_last_autoanalyze_time(c.oid)) AS analyzed,
        CASE WHEN c.relispartition THEN pg_partition_root(c.oid)::oid ELSE c.oid END AS root
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'm', 'i', 't') AND c.relpersistence <> 't'
        AND n.nspname NOT IN ('pg_catalog', 'information_schema')"""

_INDEXES = """
    SELECT i.indexrelid AS oid, i.indrelid AS table, i.indkey::int2[] AS keys, i.indnkeyatts AS key_columns,
        i.indisunique AS is_unique, i.indisvalid AS is_valid, i.indpred IS NOT NULL AS is_partial,
        a.amname AS method,
        i.indisprimary OR i.indisexclusion OR i.indisreplident
            OR EXISTS (SELECT FROM pg_constraint WHERE conindid = i.indexrelid) AS is_needed
    FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am a ON a.oid = c.relam
        JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind = 'i' AND n.nspname NOT IN ('pg_catalog', 'information_schema')"""

_NAMES = """
    SELECT c.oid, c.oid::regclass::text AS name,
        CASE WHEN c.relkind IN ('i', 'I') THEN pg_get_indexdef(c.oid) ELSE '' END AS definition
    FROM pg_class c WHERE c.oid = ANY(%s)"""


@dataclass(frozen=True, slots=True)
class Database:
    """The whole of it; `counted_since` is when scans began to be counted, null where that is not known."""

    bytes: int
    xid_age: int
    page_bytes: int
    counted_since: datetime | None


@dataclass(frozen=True, slots=True)
class TableFigures:
    """A table by its oid; `root` is the partitioned table that it is a part of, else itself."""

    oid: int
    root: int
    total_bytes: int
    table_bytes: int
    tuples: float
    fill: float
    live_rows: int
    dead_rows: int
    sequential_scans: int
    sequential_rows: int
    index_scans: int
    modified: int
    analyzed: datetime | None

    @property
    def rows(self) -> float:
        """The larger of two estimates: one forgets at a reset of the counters, one what was added since."""
        return max(self.tuples, self.live_rows, 0)


@dataclass(frozen=True, slots=True)
class IndexFigures:
    """An index by its oid; `keys` are the numbers of its table's columns, 0 for expressions."""

    oid: int
    root: int
    table: int
    table_root: int
    bytes: int
    tuples: float
    fill: float
    scans: int
    keys: tuple[int, ...]
    key_columns: int
    method: str
    is_unique: bool
    is_valid: bool
    is_partial: bool
    is_needed: bool


@dataclass(frozen=True, slots=True)
class Relations:
    """All tables and indexes but the system's, and temporary ones."""

    database: Database
    tables: dict[int, TableFigures]
    indexes: dict[int, IndexFigures]


@dataclass(frozen=True, slots=True)
class Name:
    """What a relation is called, as SQL writes it; `definition` is an index's CREATE INDEX."""

    name: str
    definition: str


def database(glance: Glance) -> Database:
    """Read what is known of the database as a whole."""
    (row,) = glance.rows(_DATABASE)
    return Database(row.bytes, row.xid_age, row.page_bytes, row.counted_since)


def read(glance: Glance, whole: Database) -> Relations:
    """Read what is known of all relations. Raises: psycopg2.Error, after which others can still be asked."""
    found = {row.oid: row for row in glance.attempt(_RELATIONS)}
    # What was made between the two questions is seen the next time.
    described = [row for row in glance.attempt(_INDEXES) if row.oid in found and row.table in found]
    of_table: defaultdict[int, list[Any]] = defaultdict(list)
    for row in described:
        of_table[row.table].append(found[row.oid])
    return Relations(
        database=whole,
        tables={oid: _table(row, found, of_table) for oid, row in found.items() if row.kind in ("r", "m")},
        indexes={row.oid: _index(row, found) for row in described if found[row.table].kind != "t"},
    )


def names(glance: Glance, oids: Collection[int]) -> dict[int, Name]:
    """Return the names of relations that still exist."""
    rows = glance.attempt(_NAMES, [list(oids)]) if oids else []
    return {row.oid: Name(row.name, row.definition or "") for row in rows}


def _table(row: Any, found: dict[int, Any], of_table: dict[int, list[Any]]) -> TableFigures:
    own_indexes = of_table.get(row.oid, [])
    toast = [found[row.toast], *of_table.get(row.toast, [])] if row.toast in found else []
    return TableFigures(
        oid=row.oid,
        root=row.root,
        total_bytes=row.bytes + _bytes(own_indexes) + _bytes(toast),
        table_bytes=row.bytes,
        tuples=row.tuples,
        fill=(row.fill_percent or 100) / 100,
        live_rows=row.live_rows,
        dead_rows=row.dead_rows,
        sequential_scans=row.scans,
        sequential_rows=row.rows_read,
        index_scans=sum(each.scans for each in own_indexes),
        modified=row.modified,
        analyzed=row.analyzed,
    )


def _bytes(rows: Iterable[Any]) -> int:
    return sum(row.bytes for row in rows)


def _index(row: Any, found: dict[int, Any]) -> IndexFigures:
    own = found[row.oid]
    return IndexFigures(
        oid=row.oid,
        root=own.root,
        table=row.table,
        table_root=found[row.table].root,
        bytes=own.bytes,
        tuples=own.tuples,
        fill=(own.fill_percent or 90) / 100,
        scans=own.scans,
        keys=tuple(row.keys),
        key_columns=row.key_columns,
        method=row.method,
        is_unique=row.is_unique,
        is_valid=row.is_valid,
        is_partial=row.is_partial,
        is_needed=row.is_needed,
    )


def largest(figures: Sequence[Any], number: int) -> list[Any]:
    """Return the largest relations, the largest first."""
    return sorted(figures, key=lambda each: (-_size(each), each.oid))[:number]


def _size(figures: TableFigures | IndexFigures) -> int:
    return figures.total_bytes if isinstance(figures, TableFigures) else figures.bytes
