"""Alerts on the watching itself: a pool that does not answer, a database that cannot be looked at."""

from datetime import datetime, timedelta

from alerts import services as alerts
from alerts.models import Severity
from dbops.models import Observation

SOURCE = "database"
POOL = "database:pooler"
LOOKS = "database:unobserved"
TOLERATED = timedelta(minutes=5)
"""For so long nothing is observed before that is trouble."""


def pool_failed(error: Exception) -> None:
    """Open the alert on a pool that does not answer."""
    alerts.open(
        POOL,
        severity=Severity.WARNING,
        title="The connection pool does not answer",
        body=f"{error}\nIts size stays as it is meanwhile. Look at PGBOUNCER_ADMIN_URL and PgBouncer's log.",
        source=SOURCE,
    )


def pool_answered() -> None:
    """Resolve it."""
    alerts.resolve(POOL)


def look_failed(error: Exception, now: datetime) -> None:
    """Open the alert on a database that has not let itself be looked at for a while."""
    if Observation.objects.filter(at__gt=now - TOLERATED).exists():
        return
    alerts.open(
        LOOKS,
        severity=Severity.WARNING,
        title="The database is not observed",
        body=f"{error}\nNothing was observed for {TOLERATED.seconds // 60} minutes. Look at its load.",
        source=SOURCE,
    )


def look_succeeded() -> None:
    """Resolve it."""
    alerts.resolve(LOOKS)
