"""Writes down what is to be told, and to whom, in the transaction in which it happened."""

import logging
from collections.abc import Iterable

from celery import current_app
from django.db import transaction
from kombu.exceptions import OperationalError

from alerts.models import Alert, Channel, Delivery, Event, Kind, Notification, Severity

logger = logging.getLogger(__name__)

DELIVER = "alerts.tasks.deliver_due"
QUEUE = "actions"
# An order that nobody took in time is in the way of the next one, which beat sends.
_EXPIRES_S = 60

# Whoever deletes a channel waits for those who are writing to it, and they wait for nobody else: neither for
# each other, nor for what is noted of the channel meanwhile. Django has no words for this lock.
_LOCK = "FOR KEY SHARE"
_LISTENING = f"SELECT * FROM alerts_channel WHERE is_enabled AND min_severity = ANY(%s) ORDER BY id {_LOCK}"
_READING = f"SELECT * FROM alerts_channel WHERE is_enabled AND kind = %s ORDER BY id {_LOCK}"
_INFORMED = f"""
    SELECT * FROM alerts_channel WHERE is_enabled AND id IN (
        SELECT channel_id FROM alerts_delivery d JOIN alerts_notification n ON n.id = d.notification_id
        WHERE n.alert_id = %s
    ) ORDER BY id {_LOCK}
"""


def tell(alert: Alert, event: Event) -> None:
    """Have the channels told what happened to an alert; one that is told already, is not told again."""
    severity = Severity(alert.severity)
    rises = Notification.objects.filter(alert=alert, event=Event.ESCALATED, severity=severity)
    if event == Event.ESCALATED and rises.exists():
        return
    notification = Notification.objects.create(alert=alert, event=event, severity=severity)
    _queue(notification, _channels(notification))


def report(title: str, text: str, html: str) -> Notification:
    """Have a report sent to all e-mail channels, as text and as HTML; machines are told of alerts alone.

    It matters to all of them: the severity from which on a channel wants to know is that of alerts.
    """
    told = {"event": Event.REPORT, "title": " ".join(title.split())[:250], "text": text, "html": html}
    with transaction.atomic():
        notification = Notification.objects.create(**told)
        _queue(notification, Channel.objects.raw(_READING, [str(Kind.EMAIL)]))
    return notification


def _queue(notification: Notification, channels: Iterable[Channel]) -> None:
    """Write a delivery for each channel, and have them looked at once that is committed."""
    deliveries = [Delivery(notification=notification, channel=channel) for channel in channels]
    if Delivery.objects.bulk_create(deliveries):
        transaction.on_commit(order)


def _channels(notification: Notification) -> Iterable[Channel]:
    """Return who wants to know; the end of an alert is for those who were told that it began."""
    if notification.event == Event.RESOLVED:
        return Channel.objects.raw(_INFORMED, [notification.alert_id])
    severity = Severity(notification.severity)
    return Channel.objects.raw(_LISTENING, [[str(each) for each in (*severity.milder, severity)]])


def order() -> None:
    """Ask the workers to deliver what is due; while the broker is away, they look by themselves later."""
    try:
        current_app.send_task(DELIVER, queue=QUEUE, expires=_EXPIRES_S)
    except OperationalError as error:
        logger.warning("notifications wait, the broker cannot be reached: %s", error)
