"""What the columns of a billing file mean: which are needed, which are known, and where they are."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from collectors.models import Basis
from core.errors import InvalidInputError

Text = Callable[[str], str]
"""Returns SQL for the text in the column of that key: NULL for an empty cell, and without such a column."""


@dataclass(frozen=True, slots=True)
class Part:
    """A value of a line, in SQL, and in SQL as well the name of the column that it came from."""

    text: str
    column: str


@dataclass(frozen=True, slots=True)
class Tags:
    """A line's tags, in SQL: a text of JSON, or with `keys` the list of their values.

    `prefix` is a pattern of how keys begin in JSON where that is not part of them.
    """

    text: str
    keys: Sequence[str] | None = None
    prefix: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """Where the parts of a line are."""

    provider: Part
    account: Part
    name: Part
    start: Part
    period_end: Part
    unit: Part
    service: Part
    region: Part
    amounts: Mapping[Basis, Part]
    tags: Tags | None = None


@dataclass(frozen=True, slots=True)
class Columns:
    """A file's columns by their keys: the name without what is no letter or digit, in small letters.

    `lineItem/UnblendedCost` and `line_item_unblended_cost` are one key, and so one mapping serves both.
    `every` has all names by their places, and `cell` returns the text of the column at one.
    """

    names: Mapping[str, str]
    text: Text
    every: Sequence[str]
    cell: Callable[[int], str]

    def part(self, *keys: str) -> Part:
        """Return the first of the columns that tells anything."""
        known = [key for key in keys if key in self.names] or list(keys[:1])
        texts = ", ".join(self.text(key) for key in known)
        return Part(f"coalesce({texts})" if len(known) > 1 else texts, quoted(self.label(known[0])))

    def label(self, key: str) -> str:
        """Return the column's name as the file has it."""
        return self.names.get(key, key)


@dataclass(frozen=True, slots=True)
class Layout:
    """A specification of billing files."""

    name: str
    telling: frozenset[str]
    mandatory: Sequence[str]
    knows: Callable[[str], bool]
    line: Callable[[Columns], Line]


def key_of(name: str) -> str:
    """Return the key of a column's name."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def keys_of(names: Sequence[str]) -> dict[str, int]:
    """Return the place of each key; of columns that share one, the first counts."""
    return {key_of(name): place for place, name in reversed(list(enumerate(names)))}


def quoted(text: str) -> str:
    """Return a literal of SQL."""
    return "'" + text.replace("'", "''") + "'"


def recognised(file: Path, names: Sequence[str], layouts: Sequence[Layout]) -> Layout:
    """Return the layout that the columns are of. Raises: InvalidInputError."""
    keys = keys_of(names)
    for layout in layouts:
        if layout.telling & keys.keys():
            missing = [name for name in layout.mandatory if key_of(name) not in keys]
            if missing:
                raise InvalidInputError(f"{file.name} lacks {layout.name} columns: {', '.join(missing)}.")
            return layout
    raise InvalidInputError(
        f"{file.name} is neither a FOCUS export nor a Cost and Usage Report: "
        f"its columns are {', '.join(names)[:200]}."
    )
