"""Alerts on instances that somebody has to see to."""

from alerts import services as alerts
from alerts.models import Severity
from pipelines import alarms
from scaling.actuators.actuator import Settled
from scaling.models import ManagedInstance, Outcome

SOURCE = "scaling"
PIPELINE = "scale"
"""The pipeline that carries decisions out."""


def key(instance: ManagedInstance) -> str:
    """Return the key of the alert on an instance that an action may have left unable to work."""
    return f"scaling:{instance.instance_id}"


def settled(instance: ManagedInstance, outcome: Settled) -> None:
    """Open the alert where the outcome is urgent, and resolve it with an action that came true."""
    if outcome.urgent:
        alerts.open(
            key(instance),
            severity=Severity.CRITICAL,
            title=f"{instance} may be stopped",
            body=outcome.detail,
            source=SOURCE,
        )
    elif outcome.outcome == Outcome.APPLIED:
        alerts.resolve(key(instance))


def excuse(instance: ManagedInstance) -> None:
    """Resolve the alert on an action that failed, where nobody waits for another one to come true."""
    alerts.resolve(alarms.run_key(PIPELINE, instance.instance_id))


def forget(instance: ManagedInstance) -> None:
    """Resolve the alerts on an instance that is not managed any more."""
    alerts.resolve(key(instance))
    excuse(instance)
