"""What a database holds, table by table, so that two databases can be compared."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from psycopg2 import sql
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

Differences = list[dict[str, Any]]
Positions = dict[str, tuple[int, bool]]
"""Where sequences are: the last value, and whether it was handed out."""


@dataclass(frozen=True, slots=True)
class Table:
    """How many rows a table has, and the sum of their hashes, whatever their order."""

    rows: int
    checksum: str


Tables = dict[str, Table]

# Partitions are tables, what is partitioned holds no row itself; what an extension owns is not dumped.
_RELATIONS = """
    SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind = %s AND c.relpersistence <> 't'
    AND n.nspname NOT LIKE 'pg\\_%%' AND n.nspname <> 'information_schema'
    AND NOT EXISTS (
        SELECT FROM pg_depend d
        WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'
    )
    ORDER BY 1, 2"""
# How values are written as text depends on these.
_FORMATS = (
    "SET TimeZone = 'UTC'; SET DateStyle = 'ISO, YMD'; SET IntervalStyle = 'iso_8601';"
    " SET extra_float_digits = 1; SET bytea_output = 'hex'; SET search_path = ''"
)


def prepare(session: Connection) -> None:
    """Have the session write values as text in the one way that is compared."""
    with session.cursor() as cursor:
        cursor.execute(_FORMATS)


def relations(session: Connection, kind: str) -> list[sql.Identifier]:
    """Return the names of all that is of a kind: r for tables, S for sequences."""
    with session.cursor() as cursor:
        cursor.execute(_RELATIONS, [kind])
        return [sql.Identifier(*names) for names in cursor.fetchall()]


def tables(session: Connection) -> Tables:
    """Read all tables in a session that was prepared."""
    # Under a name that no column has: PostgreSQL would take the column for the row.
    hashed = sql.SQL(
        'SELECT count(*), coalesce(sum(hashtextextended("whole row"::text, 0)), 0)::text FROM {} "whole row"'
    )
    found = {}
    with session.cursor() as cursor:
        for name in relations(session, "r"):
            cursor.execute(hashed.format(name))
            found[_written(name)] = Table(*cursor.fetchone())  # type: ignore[misc]  # a count is one row
    return found


def positions(session: Connection) -> Positions:
    """Read where all sequences are; they move on whatever the transaction."""
    found = {}
    with session.cursor() as cursor:
        for name in relations(session, "S"):
            cursor.execute(sql.SQL("SELECT last_value, is_called FROM {}").format(name))
            found[_written(name)] = cursor.fetchone()
    return found  # type: ignore[return-value]  # a sequence is one row


def _written(name: sql.Identifier) -> str:
    schema, relation = name.strings
    return relation if schema == "public" else f"{schema}.{relation}"


# --- Comparing -------------------------------------------------------------------------------
def differing_tables(expected: Tables, restored: Tables) -> Iterator[dict[str, Any]]:
    """Yield each table that is not as it should be; null stands for a table that is not there."""
    for name in sorted(expected.keys() | restored.keys()):
        wanted, found = expected.get(name), restored.get(name)
        if wanted != found:
            yield {
                "table": name,
                **{f"expected_{key}": value for key, value in _figures(wanted).items()},
                **{f"restored_{key}": value for key, value in _figures(found).items()},
            }


def _figures(table: Table | None) -> dict[str, Any]:
    return asdict(table) if table else {"rows": None, "checksum": None}


def differing_sequences(before: Positions, after: Positions, restored: Positions) -> Iterator[dict[str, Any]]:
    """Yield each sequence that is not where it was at some time between before and after the dump."""
    for name in sorted(before.keys() | restored.keys()):
        bounds = [at[name] for at in (before, after) if name in at]
        found = restored.get(name)
        if found is None or not bounds or not min(bounds) <= found <= max(bounds):
            yield {
                "sequence": name,
                "expected": [value for value, _called in bounds] or None,
                "restored": found[0] if found else None,
            }
