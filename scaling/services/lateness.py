"""Whether decisions come in time, and the alert when they do not."""

from datetime import datetime, timedelta

from alerts import services as alerts
from alerts.models import Severity
from pipelines import ticks
from scaling.models import ManagedInstance
from scaling.ticking import DECIDE, MEASURE

KEY = "scaling-decisions"
TOLERATED = timedelta(minutes=2)


def look(now: datetime) -> None:
    """Open an alert while decisions are late and anything waits for them; resolve it when they come again.

    After a downtime they are late, too; that is trouble only when they do not come although ticks do.
    """
    since = ticks.running_since(KEY, 2 * MEASURE.period, now)
    lag = DECIDE.lag(now)
    if lag <= TOLERATED or not ManagedInstance.objects.monitored().exists():
        alerts.resolve(KEY)
        return
    if now - since <= TOLERATED:
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
