"""What is recommended to whoever runs the database, and from what it is concluded; nothing is guessed."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from dbops.readings import Reading, StatementFigures

INFO, WARNING, CRITICAL = "info", "warning", "critical"
_ORDER = (CRITICAL, WARNING, INFO)


@dataclass(frozen=True, slots=True)
class Recommendation:
    """Something to do: `sql` is null where there is none, or where the data do not tell which."""

    title: str
    severity: str
    evidence: str
    sql: str | None
    effect: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """A subject of which nothing can be recommended, since something is not known."""

    subject: str
    reason: str


@dataclass(frozen=True, slots=True)
class Advice:
    """Recommendations, the most severe first, and what could not be judged."""

    recommendations: tuple[Recommendation, ...]
    unknown: tuple[Unknown, ...]


@dataclass(frozen=True, slots=True)
class Server:
    """How the server is set up; its version is a number such as 180000."""

    shared_buffers_bytes: int
    max_connections: int
    version: int


@dataclass(frozen=True, slots=True)
class Lately:
    """The observations of the last day, one a minute; null where none tells."""

    observations: int
    p95_utilization: float | None
    saturated_at_maximum: int
    """Of them those in which a pool of the greatest size was used up."""
    at_minimum: int
    """Of them those in which the pool had its least size."""
    blocks_hit: int | None
    blocks_read: int | None


@dataclass(frozen=True, slots=True)
class Checks:
    """When a backup was last found to restore, and how the latest check ended; null: there is none."""

    verified_at: datetime | None
    latest_at: datetime | None
    latest_error: str | None


@dataclass(frozen=True, slots=True)
class PoolLimits:
    """Between how many connections the pool is kept."""

    minimum: int
    maximum: int


@dataclass(frozen=True, slots=True)
class Known:
    """All that is known when something is recommended; `roles` are those of sessions, by their pid.

    `unused_since` is when each index that is unused now was first seen so, and has been in each look since.
    """

    reading: Reading
    now: datetime
    server: Server
    lately: Lately
    statements: tuple[StatementFigures, ...]
    checks: Checks
    limits: PoolLimits
    roles: Mapping[int, str]
    unused_since: Mapping[str, datetime]


Rule = Callable[[Known], Iterator[Recommendation | Unknown]]


def advise(known: Known, rules: Iterable[Rule]) -> Advice:
    """Ask all rules."""
    found = [each for rule in rules for each in rule(known)]
    recommended = [each for each in found if isinstance(each, Recommendation)]
    return Advice(
        tuple(sorted(recommended, key=lambda each: _ORDER.index(each.severity))),
        tuple(each for each in found if isinstance(each, Unknown)),
    )


_PART = r'(?:[^\W\d][\w$]*|"(?:[^"]|"")+")'
_WRITTEN = re.compile(rf"{_PART}(?:\.{_PART})?")


def quoted(name: str) -> str:
    """Write the name of a relation, with or without its schema, so that SQL takes it as it is.

    Readings have names as SQL writes them; what is no such name is taken for a bare one.
    """
    if not _WRITTEN.fullmatch(name):
        return identifier(name)
    return ".".join(part if part.startswith('"') else identifier(part) for part in re.findall(_PART, name))


def identifier(name: str) -> str:
    """Write one bare name so that SQL takes it as it is."""
    return '"{}"'.format(name.replace('"', '""'))
