"""Reading one billing file: its totals by account, day, service, region and basis, and its broken lines."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb

from collectors.billing import tagged, tallies
from collectors.billing.amounts import added
from collectors.billing.cur import CUR
from collectors.billing.engine import Progress, Watch, engine
from collectors.billing.focus import FOCUS
from collectors.billing.layouts import Layout, Line, recognised
from collectors.billing.quarantine import KEPT, BrokenLine, Quarantine, beginnings, printable, sound_copy
from collectors.billing.tables import Table, check_gzip, csv_table, opened
from collectors.models import Basis
from core.errors import InvalidInputError

__all__ = ["BilledRow", "BrokenLine", "Reading", "TaggedRow", "TooManyTagsError", "read"]

_LAYOUTS = (FOCUS, CUR)
_PAGE = 10_000
_MOST_PROVIDERS = 20
_KEYS, _SUMS = 7, 4
_UNREADABLE = (
    duckdb.ConversionException,
    duckdb.InternalException,
    duckdb.InvalidInputException,
    duckdb.IOException,
    # Of a line that is longer than DuckDB's buffer.
    duckdb.NotImplementedException,
    # Of an error that quotes a line, cut within a letter.
    UnicodeDecodeError,
)


@dataclass(frozen=True, slots=True)
class BilledRow:
    """What a service in a region of an account is billed for a day, by one basis and in one currency."""

    account_id: str
    account_name: str
    date: date
    service: str
    region: str
    unit: str
    basis: str
    amount: Decimal
    estimated: bool


@dataclass(frozen=True, slots=True)
class TaggedRow:
    """What was charged in a group of lines for one value of a tag; None stands for what is not told apart."""

    account_id: str
    date: date
    service: str
    region: str
    unit: str
    key: str
    value: str | None
    amount: Decimal


class TooManyTagsError(InvalidInputError):
    """What a file charges cannot be told by tag in the memory there is."""


class Reading:
    """What a file tells: valid as long as it is open.

    `tags` are the keys of the tags that its lines have, the most used first; None where memory does not
    suffice for them.
    """

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        layout: Layout,
        bases: Sequence[Basis],
        broken: Quarantine,
    ) -> None:
        self._connection = connection
        self._bases = bases
        self.layout = layout.name
        self.skipped = _skipped(connection)
        self.quarantined = broken.number
        self.broken: Sequence[BrokenLine] = broken.first
        self.lines = broken.number + _number(connection, "SELECT sum(lines) FROM tally")
        self.left_out: tuple[str, ...] = ()
        self.tags: tuple[str, ...] | None = ()

    def rows(self) -> Iterator[BilledRow]:
        """Yield the totals; a basis that is not known of all lines of a group has no row for it."""
        for group in self._all("totals"):
            account, name, day, service, region, unit, estimated = group[:_KEYS]
            for place, basis in enumerate(self._bases):
                first = _KEYS + _SUMS * place
                *sums, is_known = group[first : first + _SUMS]
                if is_known:
                    amount = added(*sums)
                    yield BilledRow(account, name, day, service, region, unit, basis.value, amount, estimated)

    def tagged_rows(self, keys: Sequence[str]) -> Iterator[TaggedRow]:
        """Yield what was charged by the values of these keys; what has no tag of a key is left out.

        Raises: TooManyTagsError, before the first row, where memory does not suffice.
        """
        if keys:
            try:
                self._connection.execute(tagged.sums(keys))
                self._connection.execute(tagged.totals())
            except duckdb.OutOfMemoryException as error:
                raise TooManyTagsError("Its tags need more memory than BILLING_MEMORY_MB.") from error
            for group in self._all("tag_totals"):
                account, day, service, region, unit, key, value, *sums = group
                yield TaggedRow(account, day, service, region, unit, key, value, added(*sums))

    def _all(self, table: str) -> Iterator[tuple[Any, ...]]:
        groups = _number(self._connection, f"SELECT count(*) FROM {table}")
        for start in range(0, groups, _PAGE):
            page = f"SELECT * FROM {table} WHERE rowid >= {start} AND rowid < {start + _PAGE}"
            yield from self._connection.execute(page).fetchall()


@contextmanager
def read(
    file: Path, *, now: datetime, scratch: Path, memory_mb: int, on_progress: Progress
) -> Iterator[Reading]:
    """Read a billing file: CSV, CSV by gzip or Parquet, in FOCUS or as a Cost and Usage Report.

    `on_progress` is called every few seconds with the percentage that is done, and may raise to stop it.
    Raises: InvalidInputError naming file and column: no table, an unknown layout, a mandatory column that is
    missing.
    """
    with TemporaryDirectory(prefix="reading-", dir=scratch) as name, ExitStack() as engines:
        folder = Path(name).resolve()

        def fresh() -> duckdb.DuckDBPyConnection:
            return engines.enter_context(engine(folder, file.resolve(), memory_mb=memory_mb))

        link = folder / "file"
        link.symlink_to(file.resolve())
        connection = fresh()
        table = opened(connection, file, link)
        layout = recognised(file, table.names, _LAYOUTS)
        with _told_of(file, memory_mb):
            work = _Work(connection, layout, table, folder, Watch(on_progress))
            work, broken = _settled(work, fresh)
            work.connection.execute(tallies.totals(work.bases, now=now.astimezone(UTC)))
            reading = Reading(work.connection, layout, work.bases, broken)
            reading.left_out = tuple(name for name in table.names if not layout.knows(name))
            reading.tags = work.tags()
            yield reading


@contextmanager
def _told_of(file: Path, memory_mb: int) -> Iterator[None]:
    try:
        yield
    except duckdb.OutOfRangeException as error:
        reason = "has amounts whose sum is too large to be kept exactly"
        raise InvalidInputError(f"{file.name} {reason}.") from error
    except duckdb.OutOfMemoryException as error:
        raise InvalidInputError(
            f"{file.name} needs more memory than BILLING_MEMORY_MB, {memory_mb}."
        ) from error
    except _UNREADABLE as error:
        raise InvalidInputError(f"{file.name} cannot be read: {str(error)[:300]}") from error


@dataclass(frozen=True, slots=True)
class _Work:
    """Adds the lines of a table up."""

    connection: duckdb.DuckDBPyConnection
    layout: Layout
    table: Table
    folder: Path
    watch: Watch
    is_by_tag: bool = True

    @property
    def bases(self) -> list[Basis]:
        return list(self._line(self.table).amounts)

    @property
    def has_tags(self) -> bool:
        return self._line(self.table).tags is not None

    def _line(self, table: Table) -> Line:
        line = self.layout.line(table.columns())
        return line if self.is_by_tag else replace(line, tags=None)

    def settled(self, fresh: Callable[[], duckdb.DuckDBPyConnection]) -> "tuple[_Work, Quarantine]":
        """Make the tally of the lines that are not broken; return who made it, and those that are."""
        if self._is_sound():
            return self, Quarantine()
        # A line that is not UTF-8 can trip DuckDB 1.5 in a way after which it answers nothing more.
        again = replace(self, connection=fresh())
        return again, again.sorted_csv() if self.table.is_csv else again.sorted_parquet()

    def _is_sound(self) -> bool:
        """Tell whether the file could be added up at once: most can, and then one pass is all."""
        line = self._line(self.table)
        statement = tallies.tally(line, tallies.lines(line, self.table.relation))
        file, is_gzip = self.table.file, self.table.is_gzip
        try:
            self.watch.run(
                self.connection, statement, (lambda stopped: check_gzip(file, stopped)) if is_gzip else None
            )
        except _UNREADABLE:
            if self.table.is_csv:
                return False
            raise
        broken = f"SELECT count(*) FROM tally WHERE {tallies.any_broken(line)}"
        return _number(self.connection, broken) == 0

    def tags(self) -> tuple[str, ...] | None:
        """Read what the tally's texts of tags say; return the keys, None where memory does not suffice."""
        found = self._line(self.table).tags
        if found is None:
            return () if self.is_by_tag else None
        try:
            self.connection.execute(tagged.texts())
            self.connection.execute(tagged.pairs(found))
            return tuple(key for (key,) in self.connection.execute(tagged.keys()).fetchall())
        except duckdb.OutOfMemoryException:
            return None

    def sorted_csv(self) -> Quarantine:
        """Go through the file line by line, and add up the copy of what is whole."""
        needed = sorted(self.table.used)
        copy = self.folder / "sound"
        found = sound_copy(self.table, copy, needed, self.watch)
        names = ["number", *(self.table.names[place] for place in needed)]
        sound = csv_table(self.table.file, names, copy, is_gzip=False)
        wrong = self._sorted(sound, "CAST(c0 AS BIGINT)")
        texts = beginnings(self.table, [number for number, _ in wrong])
        lines = [BrokenLine(number, reason, texts.get(number, "")) for number, reason in wrong]
        found.merge(self._wrong_lines(), lines)
        return found

    def sorted_parquet(self) -> Quarantine:
        """Read the file again, looking at each row."""
        wrong, found = self._sorted(self.table, "file_row_number + 1"), Quarantine()
        numbers = ", ".join(str(number - 1) for number, _ in wrong)
        texts = ", ".join(self.table.texts[place] for place in sorted(self.table.used))
        begins = (
            f"SELECT file_row_number + 1, concat_ws(',', {texts})"
            f" FROM {self.table.relation} WHERE file_row_number IN ({numbers})"
        )
        told = dict(self.connection.execute(begins).fetchall())
        lines = [BrokenLine(number, reason, printable(told[number])) for number, reason in wrong]
        found.merge(self._wrong_lines(), lines)
        return found

    def _sorted(self, table: Table, number: str) -> list[tuple[int, str]]:
        """Make the tally without the lines whose values are wrong; return the first of those."""
        line = self._line(table)
        every = tallies.lines(line, table.relation, number=number)
        told = f"SELECT *, {tallies.reason(line)} AS reason FROM ({every})"
        wrong = f"CREATE TEMP TABLE wrong AS SELECT number, reason FROM ({told}) WHERE reason IS NOT NULL"
        self.watch.run(self.connection, wrong)
        self.watch.run(self.connection, tallies.tally(line, f"SELECT * FROM ({told}) WHERE reason IS NULL"))
        first = f"SELECT number, reason FROM wrong ORDER BY number LIMIT {KEPT}"
        return self.connection.execute(first).fetchall()

    def _wrong_lines(self) -> int:
        return _number(self.connection, "SELECT count(*) FROM wrong")


def _settled(work: _Work, fresh: Callable[[], duckdb.DuckDBPyConnection]) -> tuple[_Work, Quarantine]:
    """Make the tally: without tags where those tell so many lines apart that memory does not suffice."""
    try:
        return work.settled(fresh)
    except duckdb.OutOfMemoryException:
        if not work.has_tags:
            raise
        work.connection.close()
        return replace(work, connection=fresh(), is_by_tag=False).settled(fresh)


def _number(connection: duckdb.DuckDBPyConnection, statement: str) -> int:
    row = connection.execute(statement).fetchone()
    return int(row[0] or 0) if row else 0


def _skipped(connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """Count the lines of other providers than AWS; of very many providers the smaller ones together."""
    providers = connection.execute(
        f"SELECT provider, sum(lines) FROM tally WHERE NOT {tallies.OURS}"
        " GROUP BY provider ORDER BY 2 DESC, 1"
    ).fetchall()
    counts = {f"provider {printable(name)[:100]}": int(lines) for name, lines in providers[:_MOST_PROVIDERS]}
    others = sum(int(lines) for _, lines in providers[_MOST_PROVIDERS:])
    return {**counts, **({"other providers": others} if others else {})}
