"""Readings and rows for tests of what is judged: a healthy database, but for what the test is about."""

from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta

from dbops.models import BackupCheck, Observation
from dbops.readings import (
    Blocked,
    Connections,
    Counters,
    Index,
    PoolReading,
    Queries,
    Reading,
    Session,
    Size,
    StatementFigures,
    Table,
)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
MB, GB = 1024**2, 1024**3


# --- What a reading is made of ---------------------------------------------------------------------
def pool(utilization=0.4, **changes):
    """A pool of 20, of which that share is busy."""
    busy = 20 * utilization
    plain = PoolReading("pgbouncer", 20, busy, 20 - busy, 0, None, utilization)
    return replace(plain, **changes)


def connections(**changes):
    return replace(Connections({"active": 8, "idle": 12}, 20, 100, None, None, ()), **changes)


def counters(**changes):
    plain = Counters(
        commits=990,
        rollbacks=10,
        deadlocks=0,
        temp_files=0,
        temp_bytes=0,
        blocks_hit=9_900,
        blocks_read=100,
        period_s=60.0,
        since=NOW - timedelta(days=30),
    )
    return replace(plain, **changes)


UNCOUNTED = Counters(None, None, None, None, None, None, None, None, None, reason="The counters were reset.")


def queries(**changes):
    return replace(Queries(calls=1000, mean_ms=5.0, total_ms=5000.0, slow=0, response_s=0.1), **changes)


def statement(query="SELECT 1", *, calls=100, mean_ms=2000.0, query_id="7"):
    return StatementFigures(query_id, query, calls, mean_ms, calls * mean_ms)


def size(**changes):
    plain = Size(
        database_bytes=1 * GB,
        growth_bytes_a_day=None,
        xid_age=1_000_000,
        xid_limit=2_000_000_000,
        counted_since=NOW - timedelta(days=30),
        tables=(table(),),
    )
    return replace(plain, **changes)


def table(name="public.orders", **changes):
    plain = Table(
        name=name,
        total_bytes=120 * MB,
        table_bytes=100 * MB,
        rows=1_000_000,
        dead_rows=0,
        bloat=0.05,
        sequential_scans=0,
        sequential_rows=0,
        index_scans=1000,
        modified_since_analyze=0,
        last_analyze=NOW - timedelta(days=1),
    )
    return replace(plain, **changes)


def index(name="public.orders_day", **changes):
    plain = Index(
        name=name,
        table="public.orders",
        bytes=10 * MB,
        scans=0,
        is_unique=False,
        is_valid=True,
        bloat=None,
        definition="CREATE INDEX orders_day ON public.orders USING btree (day)",
    )
    return replace(plain, **changes)


def blocked(seconds=40.0, **changes):
    plain = Blocked(
        pid=11,
        seconds=seconds,
        query="UPDATE orders SET paid = true",
        blocked_by=(10,),
        root=10,
        root_application="psql",
        root_state="idle in transaction",
        root_query="LOCK TABLE orders",
    )
    return replace(plain, **changes)


def idler(seconds=120.0, pid=10):
    return Session(pid, "psql", "idle in transaction", seconds, "SELECT 1")


def reading(at=NOW, **changes):
    plain = Reading(at, pool(), connections(), (), counters(), 0.99, queries(), size())
    return replace(plain, **changes)


# --- Rows ------------------------------------------------------------------------------------------
def observe(seen, **changes):
    """Store a reading as the minute's task does."""
    found = seen.pool
    fields = {
        "at": seen.at,
        "backend": found.backend,
        "pool_size": found.size,
        "active": found.active,
        "idle": found.idle,
        "waiting": found.waiting,
        "max_wait_s": found.max_wait_s,
        "utilization": found.utilization,
        "connections": seen.connections.by_state,
        "counters": {"blocks_hit": seen.counters.blocks_hit, "blocks_read": seen.counters.blocks_read},
        "cache_hit": seen.cache_hit,
        "queries": {"response_s": seen.queries.response_s, "slow": seen.queries.slow},
        "blocking": [asdict(each) for each in seen.blocking],
        "size": {
            "database_bytes": seen.size.database_bytes,
            "xid_age": seen.size.xid_age,
            "xid_limit": seen.size.xid_limit,
        },
        "took_ms": 1.0,
        **changes,
    }
    return Observation.objects.create(**fields)


def check(at=NOW, **changes):
    """A backup that was restored, and found equal unless told otherwise."""
    fields = {"started_at": at, "finished_at": at, "target": "backups/1.dump", "is_verified": True, **changes}
    return BackupCheck.objects.create(**fields)
