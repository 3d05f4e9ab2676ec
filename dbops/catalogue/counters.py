"""What PostgreSQL has counted for this database since its counters were reset."""

from dataclasses import dataclass
from datetime import datetime

from dbops.catalogue.glance import Glance

NAMES = ("commits", "rollbacks", "deadlocks", "temp_files", "temp_bytes", "blocks_hit", "blocks_read")

_COUNTERS = """
    SELECT xact_commit AS commits, xact_rollback AS rollbacks, deadlocks, temp_files, temp_bytes,
        blks_hit AS blocks_hit, blks_read AS blocks_read, stats_reset AS since
    FROM pg_stat_database WHERE datname = current_database()"""


@dataclass(frozen=True, slots=True)
class Totals:
    """The counters by name, and when they were last reset; null is never."""

    values: dict[str, int]
    since: datetime | None


def read(glance: Glance) -> Totals:
    """Read the counters."""
    (row,) = glance.rows(_COUNTERS)
    return Totals({name: getattr(row, name) for name in NAMES}, row.since)
