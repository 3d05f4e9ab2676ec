"""Whether decisions come in time, and the alert when they do not."""

from datetime import datetime, timedelta

from alerts import services as alerts
from alerts.models import Severity
from scaling.models import ManagedInstance
from scaling.ticking import DECIDE

KEY = "scaling-decisions"
TOLERATED = timedelta(minutes=2)


def look(now: datetime) -> None:
    """Open an alert while decisions are late and anything waits for them; resolve it when they come again."""
    lag = DECIDE.lag(now)
    if lag <= TOLERATED or not ManagedInstance.objects.monitored().exists():
        alerts.resolve(KEY)
        return
    alerts.open(
        KEY,
        severity=Severity.CRITICAL,
        title="Scaling decisions are late",
        body=(
            f"Monitored instances have not been decided about for {lag.total_seconds() / 60:.0f} minutes. "
            "Look for errors of scaling.tasks.decide_shard in the log of worker-critical, and whether that "
            "and beat are running."
        ),
        source="scaling",
    )
