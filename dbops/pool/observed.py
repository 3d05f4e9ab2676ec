"""The server's own connections where no pooler is known: watched, and left as they are."""

from django.db import connection

from dbops.pool.base import Pool, PoolError
from dbops.readings import PoolReading

# Whoever may not see what other roles do sees their sessions without kind and state: they count as busy.
_SESSIONS = """
    SELECT count(*) FILTER (WHERE state IS DISTINCT FROM 'idle'), count(*) FILTER (WHERE state = 'idle'),
        current_setting('max_connections')::int
    FROM pg_stat_activity
    WHERE backend_type = 'client backend' OR (backend_type IS NULL AND usesysid IS NOT NULL)"""


class Observed(Pool):
    """All client sessions of the server against its max_connections.

    Each session counts towards the utilisation, since an idle one keeps its place, too. Nobody waits here:
    a session too many is refused, so `waiting` is 0 and the longest wait is null.
    """

    backend = "observe-only"

    def read(self) -> PoolReading:
        """Count the sessions; shared memory is all that is read, so nothing is waited for."""
        with connection.cursor() as cursor:
            cursor.execute(_SESSIONS)
            active, idle, size = cursor.fetchone()
        return PoolReading(
            backend=self.backend,
            size=size,
            active=active,
            idle=idle,
            waiting=0,
            max_wait_s=None,
            utilization=min(1.0, (active + idle) / size),
        )

    def why_fixed(self) -> str:
        """Say what is missing."""
        return "There is no pooler: PGBOUNCER_ADMIN_URL names none, so the pool is only watched."

    def resize(self, size: int) -> None:
        """Refuse."""
        raise PoolError(self.why_fixed())
