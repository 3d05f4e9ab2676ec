"""The tasks of alerts; thin, since every rule is in the services."""

from celery import shared_task

from alerts.services import delivering


@shared_task
def deliver_due() -> None:
    """Send what is due; safe to repeat, each delivery is claimed."""
    delivering.deliver_due()
