"""Recommendations about tables and indexes."""

import re
from collections.abc import Iterator
from datetime import timedelta
from itertools import combinations

from dbops.advice import INFO, WARNING, Known, Recommendation, Unknown, quoted
from dbops.readings import Index, Table
from dbops.wording import many, shortened, size

SURE_AFTER = timedelta(days=7)
"""An index that served nobody for a week of counting serves no weekly work either."""
FEWEST_DEAD = 1000
DEAD_SHARE = 0.2
"""With that share of rows dead, autovacuum is behind: of fewer, VACUUM makes next to no room."""
FEWEST_MODIFIED = 1000
MODIFIED_SHARE = 0.2
"""Statistics are stale when that share of a table's rows changed since; autovacuum's own is 0.1."""
STATEMENTS_SHOWN = 3
LEAST_REDUNDANT_BYTES = 1024**2
"""Smaller ones cost next to nothing."""

_DEFINITION = re.compile(r" ON (?:ONLY )?(?P<table>\S+) USING (?P<method>\w+) \((?P<columns>.+)\)$")


# --- Indexes --------------------------------------------------------------------------------------
def unused_indexes(known: Known) -> Iterator[Recommendation]:
    """Propose to drop indexes without a scan; as a warning when they were watched for long enough."""
    for index in _unused(known):
        watched, told = _watched(index, known)
        yield Recommendation(
            title=f"Drop the unused index {index.name}",
            severity=WARNING if watched >= SURE_AFTER else INFO,
            evidence=f"{many(index.scans, 'scan')} of it ({size(index.bytes)}) {told}. {_DOUBT}",
            sql=_dropped(index),
            effect=f"Frees {size(index.bytes)}, and each write to {index.table} has one index less to keep.",
        )


_DOUBT = "Scans on standby servers are not counted here."


def _unused(known: Known) -> list[Index]:
    """Return those to drop; a unique one keeps a rule, whether or not it is read."""
    return [each for each in known.reading.size.unused_indexes if not each.is_unique]


def _watched(index: Index, known: Known) -> tuple[timedelta, str]:
    """Return for how long it was seen unused, and scans were counted; and that in words."""
    seen = known.unused_since.get(index.name)
    if seen is None:
        return timedelta(0), "in this look, the first that found it, too short to be sure"
    counted = known.reading.size.counted_since
    is_recount = counted is not None and counted > seen
    watched = known.now - (counted if counted is not None and is_recount else seen)
    told = f"in the {_lasting(watched)} for which {'scans were counted' if is_recount else 'it was watched'}"
    return watched, told + ("" if watched >= SURE_AFTER else ", too short to be sure")


def _lasting(span: timedelta) -> str:
    for unit, length in (("days", timedelta(days=1)), ("hours", timedelta(hours=1))):
        if span >= length:
            return f"{span / length:.1f} {unit}"
    return many(span // timedelta(minutes=1), "minute")


def redundant_indexes(known: Known) -> Iterator[Recommendation]:
    """Propose to drop an index whose columns another one begins with."""
    for spare, wider in _redundant_pairs(known):
        yield Recommendation(
            title=f"Drop the redundant index {spare.name}",
            severity=INFO,
            evidence=f"{spare.definition} is covered by {wider.definition}",
            sql=_dropped(spare),
            effect=f"Frees {size(spare.bytes)}; queries use {wider.name} ({size(wider.bytes)}) instead.",
        )


def _redundant_pairs(known: Known) -> Iterator[tuple[Index, Index]]:
    unused = {each.name for each in known.reading.size.unused_indexes}
    for one, other in combinations(known.reading.size.indexes, 2):
        pair = _redundant(one, other) or _redundant(other, one)
        if pair is not None and pair[0].name not in unused and pair[0].bytes >= LEAST_REDUNDANT_BYTES:
            yield pair


def _redundant(one: Index, other: Index) -> tuple[Index, Index] | None:
    """Return the spare index and the one that covers it; only B-trees over plain columns are compared."""
    spare, wider = _columns(one), _columns(other)
    if one.is_unique or not (one.is_valid and other.is_valid) or spare is None or wider is None:
        return None
    covers = spare[0] == wider[0] and wider[1][: len(spare[1])] == spare[1]
    # Of two equal ones the younger name goes, so that both are not proposed.
    is_spare = spare != wider or other.is_unique or one.name > other.name
    return (one, other) if covers and is_spare else None


def _columns(index: Index) -> tuple[str, list[str]] | None:
    found = _DEFINITION.search(index.definition)
    if found is None or found["method"] != "btree" or re.search(r"[()\"']", found["columns"]):
        return None
    return found["table"], found["columns"].split(", ")


def _dropped(index: Index) -> str:
    """Drop it without blocking writers, which cannot be done to that of a partitioned table."""
    how = "" if " ON ONLY " in index.definition else "CONCURRENTLY "
    return f"DROP INDEX {how}{quoted(index.name)};"


def missing_indexes(known: Known) -> Iterator[Recommendation]:
    """Point at tables that are read as a whole again and again; which column it is about is not counted."""
    for table in known.reading.size.missing_index_candidates:
        each = table.sequential_rows / table.sequential_scans if table.sequential_scans else 0
        yield Recommendation(
            title=f"Look for an index that {table.name} lacks",
            severity=WARNING,
            evidence=(
                f"{table.sequential_scans} scans of the whole table read {table.sequential_rows:,} rows, "
                f"{each:,.0f} each, beside {table.index_scans} index scans; it has {table.rows:,} rows and "
                f"{size(table.total_bytes)}. {_statements_on(table, known)}"
            ),
            sql=None,
            effect=(
                "With an index on the columns that those statements filter by, they read the rows that they "
                "want. PostgreSQL does not count which columns these are: see EXPLAIN."
            ),
        )


def _statements_on(table: Table, known: Known) -> str:
    name = table.name.rpartition(".")[2].strip('"')
    bare = re.compile(rf"\b{re.escape(name)}\b")
    those = [each for each in known.statements if bare.search(each.query) and "WHERE" in each.query.upper()]
    if not those:
        return "None of the statements of the last day that are known filters it."
    shown = "; ".join(shortened(each.query) for each in those[:STATEMENTS_SHOWN])
    return f"Statements of the last day that filter it, the most costly first: {shown}"


# --- Bloat and statistics -------------------------------------------------------------------------
def bloat(known: Known) -> Iterator[Recommendation | Unknown]:
    """Propose to rebuild what is mostly empty space, but for indexes that are better dropped."""
    seen = known.reading.size
    relations: tuple[Index | Table, ...] = (*seen.tables, *seen.indexes)
    if all(each.bloat is None for each in relations):
        yield Unknown("bloat", "No table or index is large enough for an estimate, and analysed.")
    dropped = {each.name for each in _unused(known)} | {spare.name for spare, _ in _redundant_pairs(known)}
    for each in seen.bloated:
        if each.bloat is not None and each.name not in dropped:
            yield _rebuilt(each, each.bloat) if isinstance(each, Index) else _vacuumed(each, each.bloat)


def _rebuilt(index: Index, share: float) -> Recommendation:
    return Recommendation(
        title=f"Rebuild the bloated index {index.name}",
        severity=WARNING,
        evidence=f"About {share:.0%} of its {size(index.bytes)} is empty, as estimated from its statistics.",
        sql=f"REINDEX INDEX CONCURRENTLY {quoted(index.name)};",
        effect=f"Frees about {size(share * index.bytes)}; writers are not blocked.",
    )


def _vacuumed(table: Table, share: float) -> Recommendation:
    """Propose to make room of dead rows; where there are few, the room is there, and only the disk gains."""
    evidence = (
        f"About {share:.0%} of its {size(table.table_bytes)} is empty, as estimated from its statistics; "
        f"{table.dead_rows:,} of its rows are dead."
    )
    room, name = size(share * table.table_bytes), quoted(table.name)
    if table.dead_rows >= max(FEWEST_DEAD, DEAD_SHARE * table.rows):
        return Recommendation(
            title=f"Vacuum the bloated table {table.name}",
            severity=WARNING,
            evidence=evidence,
            sql=f"VACUUM (ANALYZE) {name};",
            effect=(
                f"Up to {room} can be used by new rows. Only VACUUM FULL gives it back to the disk, and that "
                "locks the table."
            ),
        )
    return Recommendation(
        title=f"Shrink the bloated table {table.name}",
        severity=INFO,
        evidence=f"{evidence} New rows can use what is empty.",
        sql=f"VACUUM (FULL, ANALYZE) {name};",
        effect=(
            f"Gives about {room} back to the disk. It locks the table meanwhile, for readers, too, and "
            "writes a copy of what is in it."
        ),
    )


def stale_statistics(known: Known) -> Iterator[Recommendation]:
    """Propose ANALYZE where much changed since the last one."""
    for table in known.reading.size.tables:
        changed = table.modified_since_analyze
        if changed < max(FEWEST_MODIFIED, MODIFIED_SHARE * table.rows):
            continue
        when = f"on {table.last_analyze:%Y-%m-%d %H:%M} UTC" if table.last_analyze else "never"
        yield Recommendation(
            title=f"Refresh the statistics of {table.name}",
            severity=INFO,
            evidence=f"{changed:,} changes since it was analysed ({when}), to {table.rows:,} rows.",
            sql=f"ANALYZE {quoted(table.name)};",
            effect="The planner knows the table as it is now. The hourly optimisation does this, too.",
        )


RULES = (unused_indexes, redundant_indexes, missing_indexes, bloat, stale_statistics)
