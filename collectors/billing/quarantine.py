"""The careful way through a CSV file with broken lines: line by line, so that each takes no other with it."""

import csv
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from collectors.billing.engine import Watch
from collectors.billing.tables import LONGEST_RECORD, Table, raw

KEPT = 1000
"""How many broken lines of a file are kept; all are counted."""

LONGEST_TEXT = 500
_LOOK_EVERY = 10_000


@dataclass(frozen=True, slots=True)
class BrokenLine:
    """A line that could not be understood: its number (the header is line 1), why, and how it begins."""

    number: int
    reason: str
    text: str


@dataclass(slots=True)
class Quarantine:
    """The broken lines of a file."""

    number: int = 0
    first: list[BrokenLine] = field(default_factory=list)

    def add(self, line: BrokenLine) -> None:
        """Count the line, and keep it if it is one of the first."""
        self.number += 1
        if len(self.first) < KEPT:
            self.first.append(line)

    def merge(self, number: int, first: Sequence[BrokenLine]) -> None:
        """Add lines that were found in another way."""
        self.number += number
        self.first = sorted([*self.first, *first], key=lambda line: line.number)[:KEPT]


class _Lines(Iterator[str]):
    """The lines of a file; those of a record that came to nothing are given again, but for its first."""

    def __init__(self, source: Iterator[bytes]) -> None:
        self._source = source
        self._again: deque[bytes] = deque()
        self._size = 0
        self.taken: list[bytes] = []
        self.before = 0

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else next(self._source)
        self.taken.append(line)
        self._size += len(line)
        if self._size > LONGEST_RECORD:
            raise csv.Error(f"the record is longer than {LONGEST_RECORD >> 10} KiB")
        return line.decode("utf-8", "surrogateescape")

    def settle(self, *, keep: int | None = None) -> None:
        """End the record, keeping only so many of its lines."""
        kept = len(self.taken) if keep is None else keep
        self._again.extendleft(reversed(self.taken[kept:]))
        self.before += kept
        self._size = 0
        self.taken.clear()


def sound_copy(table: Table, target: Path, needed: Sequence[int], watch: Watch) -> Quarantine:
    """Write the needed columns of the records that are whole, each with its number; return what is broken."""
    found, size = Quarantine(), max(1, table.file.stat().st_size)
    with (
        raw(table.file, is_gzip=table.is_gzip) as (content, position),
        target.open("w", encoding="utf-8", newline="") as copy,
    ):
        writer = csv.writer(copy)
        writer.writerow(["number", *(table.names[place] for place in needed)])
        records = _records(content, table.names, needed, found)
        for count, record in enumerate(records):
            writer.writerow(record)
            if count % _LOOK_EVERY == 0:
                watch.see(_percent(position, size))
    return found


def _percent(position: IO[bytes], size: int) -> Callable[[], float]:
    return lambda: 100.0 * position.tell() / size


def _records(
    content: IO[bytes], names: Sequence[str], needed: Sequence[int], found: Quarantine
) -> Iterator[list[str | int]]:
    lines = _Lines(_lines(content))
    reader = csv.reader(lines, strict=True)
    next(reader)
    lines.settle()
    while True:
        try:
            record = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            _set_aside(lines, f"the columns cannot be told apart: {error}", found)
            reader = csv.reader(lines, strict=True)
            continue
        if not record:
            lines.settle()
        elif len(record) != len(names):
            _set_aside(lines, _miscounted(record, names), found)
        elif wrong := _undecodable(record, needed):
            _set_aside(lines, f"{names[wrong[0]]} is not UTF-8", found, whole=True)
        else:
            yield [lines.before + 1, *(record[place] for place in needed)]
            lines.settle()


def _lines(content: IO[bytes]) -> Iterator[bytes]:
    """Yield the lines; of one that is longer than a record may be, only how it begins."""
    while line := content.readline(LONGEST_RECORD + 1):
        yield line
        while len(line) > LONGEST_RECORD and not line.endswith(b"\n"):
            line = content.readline(LONGEST_RECORD + 1)


def _miscounted(record: Sequence[str], names: Sequence[str]) -> str:
    if len(record) < len(names):
        missing = names[len(record)]
        return f"{len(record)} columns instead of {len(names)}: {missing} and what follows is missing"
    return f"{len(record)} columns instead of {len(names)}: there are more after {names[-1]}"


def _undecodable(record: Sequence[str], needed: Sequence[int]) -> list[int]:
    return [place for place in needed if not record[place].isascii() and _has_surrogates(record[place])]


def _has_surrogates(text: str) -> bool:
    return any("\ud800" <= sign <= "\udfff" for sign in text)


def _set_aside(lines: _Lines, reason: str, found: Quarantine, *, whole: bool = False) -> None:
    """Set the record aside; unless it is known to be `whole`, only its first line.

    A stray quote swallows others.
    """
    found.add(BrokenLine(lines.before + 1, reason, printable(lines.taken[0].decode("utf-8", "replace"))))
    lines.settle(keep=None if whole else 1)


def printable(line: str) -> str:
    """Return how a line begins, fit to be stored."""
    text = line[:LONGEST_TEXT].rstrip("\r\n").replace("\0", "\ufffd")
    return text.encode("utf-8", "replace").decode()


def beginnings(table: Table, numbers: Sequence[int]) -> dict[int, str]:
    """Return how the lines with these numbers begin."""
    wanted = iter(sorted(numbers))
    number, found = next(wanted, None), {}
    with raw(table.file, is_gzip=table.is_gzip) as (content, _):
        for place, line in enumerate(_lines(content), start=1):
            if number is None:
                break
            if place == number:
                found[number] = printable(line.decode("utf-8", "replace"))
                number = next(wanted, None)
    return found
