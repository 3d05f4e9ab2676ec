"""What one look at the database finds: plain values, and null with a reason where something is unknown."""

from dataclasses import dataclass
from datetime import datetime

OBSERVE_ONLY = "observe-only"
"""The backend of a server without a pooler."""


@dataclass(frozen=True, slots=True)
class PoolReading:
    """The pool at one look: connections in numbers, `utilization` the busy share of `size` (0 to 1).

    `demand` is what was asked for: busy connections and clients that waited for one.
    """

    backend: str
    size: int
    active: float
    idle: float
    waiting: float
    max_wait_s: float | None
    utilization: float

    @property
    def demand(self) -> float:
        return self.active + self.waiting

    @property
    def used(self) -> float:
        """Connections that nobody else can have: a server without a pooler gives an idle one to nobody."""
        return self.active + self.idle if self.backend == OBSERVE_ONLY else self.active


@dataclass(frozen=True, slots=True)
class Session:
    """A session that holds others up, or might: seconds in its state, or since its query began."""

    pid: int
    application: str
    state: str
    seconds: float
    query: str


@dataclass(frozen=True, slots=True)
class Connections:
    """Client sessions of the whole server by state, beside how many it allows."""

    by_state: dict[str, int]
    total: int
    limit: int
    longest_transaction_s: float | None
    longest_query_s: float | None
    idle_in_transaction: tuple[Session, ...]


@dataclass(frozen=True, slots=True)
class Blocked:
    """A session that waits for locks of others; `root` is the pid at the end of its chain."""

    pid: int
    seconds: float
    query: str
    blocked_by: tuple[int, ...]
    root: int
    root_application: str
    root_state: str
    root_query: str


@dataclass(frozen=True, slots=True)
class Counters:
    """What PostgreSQL counted for this database in `period_s` seconds; null where that is not known."""

    commits: int | None
    rollbacks: int | None
    deadlocks: int | None
    temp_files: int | None
    temp_bytes: int | None
    blocks_hit: int | None
    blocks_read: int | None
    period_s: float | None
    since: datetime | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class StatementFigures:
    """A statement's calls in a period, its mean and total time in milliseconds."""

    query_id: str
    query: str
    calls: int
    mean_ms: float
    total_ms: float


@dataclass(frozen=True, slots=True)
class Regression:
    """A statement whose mean time grew against the week before (milliseconds)."""

    query_id: str
    query: str
    mean_ms: float
    mean_before_ms: float
    calls: int
    calls_before: int


@dataclass(frozen=True, slots=True)
class Queries:
    """Statements since the look before: null, with the reason, where the server does not count them.

    `response_s` is the longest of the running queries and of the statements' means; `slow` counts calls of
    statements whose mean was slow (a second and more), and the running queries that are. `running` is the
    query that has been running longest.
    """

    calls: int | None
    mean_ms: float | None
    total_ms: float | None
    slow: int | None
    response_s: float | None
    slowest: tuple[StatementFigures, ...] = ()
    regressions: tuple[Regression, ...] = ()
    reason: str = ""
    running: Session | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """A table: bytes with indexes, estimated rows; `bloat` is the estimated share of its own bytes."""

    name: str
    total_bytes: int
    table_bytes: int
    rows: int
    dead_rows: int
    bloat: float | None
    sequential_scans: int
    sequential_rows: int
    index_scans: int
    modified_since_analyze: int
    last_analyze: datetime | None


@dataclass(frozen=True, slots=True)
class Index:
    """An index: `scans` since `since`; `bloat` is the estimated share of its bytes (0 to 1)."""

    name: str
    table: str
    bytes: int
    scans: int
    is_unique: bool
    is_valid: bool
    bloat: float | None
    definition: str


@dataclass(frozen=True, slots=True)
class Size:
    """Bytes of the database and what is in it; growth is bytes a day over the last week, null until known."""

    database_bytes: int
    growth_bytes_a_day: float | None
    xid_age: int
    xid_limit: int
    counted_since: datetime | None
    tables: tuple[Table, ...] = ()
    indexes: tuple[Index, ...] = ()
    unused_indexes: tuple[Index, ...] = ()
    missing_index_candidates: tuple[Table, ...] = ()
    bloated: tuple[Index | Table, ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the health score: 0 to 100, or null with the reason why it is not known."""

    name: str
    weight: int
    value: float | None
    score: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class Health:
    """The weighted score of the known parts, 0 to 100; null, with a reason, where it is less than half."""

    score: int | None
    parts: tuple[Part, ...]
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Reading:
    """All that one look found; `cache_hit` is the share of blocks found in memory (0 to 1) since the last.

    `pool` is None where the pool did not answer, and `pool_reason` says why.
    """

    at: datetime
    pool: PoolReading | None
    connections: Connections
    blocking: tuple[Blocked, ...]
    counters: Counters
    cache_hit: float | None
    queries: Queries
    size: Size
    took_ms: float = 0.0
    pool_reason: str = ""
