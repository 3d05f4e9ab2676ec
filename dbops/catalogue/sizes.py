"""How large everything is, and what is worth looking into: the figures of relations with their names."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from psycopg2 import errors

from dbops import candidates
from dbops.catalogue import bloat, relations
from dbops.catalogue.glance import Glance, NoAnswerError
from dbops.catalogue.relations import Database, IndexFigures, Name, Relations, TableFigures
from dbops.readings import Index, Size, Table

SHOWN = 30
"""So many tables and indexes are told of, the largest; all of them are judged."""
XID_LIMIT = 1 << 31
"""Transaction ids this far apart cannot be told from the past; PostgreSQL stops writing before."""


@dataclass(frozen=True, slots=True)
class _Chosen:
    """What is told of: figures, still without names."""

    tables: list[TableFigures]
    indexes: list[IndexFigures]
    unused: list[IndexFigures]
    missing: list[TableFigures]
    bloated: list[IndexFigures | TableFigures]

    def oids(self) -> set[int]:
        """Return all whose names are wanted: those of indexes' tables, too."""
        found = {
            each.oid for each in (*self.tables, *self.indexes, *self.unused, *self.missing, *self.bloated)
        }
        indexes = (*self.indexes, *self.unused, *self.bloated)
        return found | {each.table for each in indexes if isinstance(each, IndexFigures)}


_TOO_MANY = "There are too many tables and indexes to look at each in the time that a look may take."


def read(glance: Glance) -> Size:
    """Read the sizes of everything; how fast it grows is not seen in one look."""
    database = relations.database(glance)
    whole = Size(
        database_bytes=database.bytes,
        growth_bytes_a_day=None,
        xid_age=database.xid_age,
        xid_limit=XID_LIMIT,
        counted_since=database.counted_since,
    )
    try:
        return _with_relations(whole, glance, database)
    except (errors.QueryCanceled, NoAnswerError):
        return replace(whole, reason=_TOO_MANY)


def _with_relations(whole: Size, glance: Glance, database: Database) -> Size:
    found = relations.read(glance, database)
    shares = bloat.estimates(glance, found)
    chosen = _choose(found, shares)
    shown = _Shown(relations.names(glance, chosen.oids()), shares)
    return replace(
        whole,
        tables=tuple(shown.table(each) for each in chosen.tables if shown.has(each)),
        indexes=tuple(shown.index(each) for each in chosen.indexes if shown.has(each)),
        unused_indexes=tuple(shown.index(each) for each in chosen.unused if shown.has(each)),
        missing_index_candidates=tuple(shown.table(each) for each in chosen.missing if shown.has(each)),
        bloated=tuple(shown.either(each) for each in chosen.bloated if shown.has(each)),
    )


def _choose(found: Relations, shares: Mapping[int, float]) -> _Chosen:
    everything: dict[int, IndexFigures | TableFigures] = {**found.tables, **found.indexes}
    sizes = {oid: table.table_bytes for oid, table in found.tables.items()}
    sizes |= {oid: index.bytes for oid, index in found.indexes.items()}
    return _Chosen(
        tables=relations.largest(list(found.tables.values()), SHOWN),
        indexes=relations.largest(list(found.indexes.values()), SHOWN),
        unused=candidates.unused(found.indexes.values())[:SHOWN],
        missing=candidates.missing(found.tables.values())[:SHOWN],
        bloated=[everything[oid] for oid in candidates.bloated(sizes, shares)[:SHOWN]],
    )


@dataclass(frozen=True, slots=True)
class _Shown:
    """Figures as they are told, with names and estimates."""

    names: Mapping[int, Name]
    bloat: Mapping[int, float]

    def has(self, figures: IndexFigures | TableFigures) -> bool:
        """Tell whether it still exists: it may have been dropped meanwhile."""
        needed = {figures.oid} | ({figures.table} if isinstance(figures, IndexFigures) else set())
        return needed <= self.names.keys()

    def either(self, figures: IndexFigures | TableFigures) -> Index | Table:
        return self.index(figures) if isinstance(figures, IndexFigures) else self.table(figures)

    def table(self, figures: TableFigures) -> Table:
        return Table(
            name=self.names[figures.oid].name,
            total_bytes=figures.total_bytes,
            table_bytes=figures.table_bytes,
            rows=round(figures.rows),
            dead_rows=figures.dead_rows,
            bloat=self.bloat.get(figures.oid),
            sequential_scans=figures.sequential_scans,
            sequential_rows=figures.sequential_rows,
            index_scans=figures.index_scans,
            modified_since_analyze=figures.modified,
            last_analyze=figures.analyzed,
        )

    def index(self, figures: IndexFigures) -> Index:
        return Index(
            name=self.names[figures.oid].name,
            table=self.names[figures.table].name,
            bytes=figures.bytes,
            scans=figures.scans,
            is_unique=figures.is_unique,
            is_valid=figures.is_valid,
            bloat=self.bloat.get(figures.oid),
            definition=self.names[figures.oid].definition,
        )
