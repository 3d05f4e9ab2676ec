"""What is told of an alert: words for people, and JSON for machines; and reports, for people alone."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from alerts.models import Alert, Delivery, Event, Severity

_WORDS = {Event.OPENED: "", Event.ESCALATED: "Worse: ", Event.RESOLVED: "Resolved: "}


@dataclass(frozen=True, slots=True)
class Message:
    """What is sent; copies of it have the same `delivery_id`."""

    event: str
    delivery_id: UUID
    sent_at: datetime
    title: str
    body: str
    severity: Severity | None = None
    facts: dict[str, Any] | None = None
    html: str = ""

    @property
    def payload(self) -> dict[str, Any]:
        """The body of a webhook's request."""
        return {
            "event": self.event,
            "alert": self.facts,
            "delivery_id": str(self.delivery_id),
            "sent_at": _written(self.sent_at),
        }

    @property
    def attributes(self) -> dict[str, str]:
        """What subscribers of a topic can filter by; a test has no alert."""
        about = {name: str(self.facts[name]) for name in ("severity", "key")} if self.facts else {}
        return {"event": str(self.event), **about}


def of(delivery: Delivery, now: datetime) -> Message:
    """Return what is to be told by a delivery: a report as it was written, an alert as it is by now."""
    notification, alert = delivery.notification, delivery.notification.alert
    if alert is None:
        return _report(delivery, now)
    severity = Severity(notification.severity)
    return Message(
        event=notification.event,
        delivery_id=delivery.pk,
        sent_at=now,
        title=f"[{severity}] {_WORDS[Event(notification.event)]}{alert.title}",
        body=_text(alert, delivery.pk),
        severity=None if notification.event == Event.RESOLVED else severity,
        facts=_facts(alert),
    )


def _report(delivery: Delivery, now: datetime) -> Message:
    report = delivery.notification
    return Message(report.event, delivery.pk, now, title=report.title, body=report.text, html=report.html)


def probe(delivery_id: UUID, now: datetime) -> Message:
    """Return a message that says no more than that it arrived."""
    text = "This is a test. Whoever reads it will be told of alerts here."
    return Message("test", delivery_id, now, title="CloudIntel: a test", body=text)


def _text(alert: Alert, delivery_id: UUID) -> str:
    ended = f"Resolved: {_minute(alert.resolved_at)}" if alert.resolved_at else ""
    about = (f"Alert: {alert.key}", f"Source: {alert.source}", f"Opened: {_minute(alert.opened_at)}", ended)
    lines = [*filter(None, about), f"Delivery: {delivery_id}"]
    return "\n\n".join(filter(None, (alert.body, "\n".join(lines))))


def _minute(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _facts(alert: Alert) -> dict[str, Any]:
    return {
        "id": alert.pk,
        "key": alert.key,
        "severity": alert.severity,
        "title": alert.title,
        "body": alert.body,
        "source": alert.source,
        "state": str(alert.state),
        "opened_at": _written(alert.opened_at),
        "resolved_at": _written(alert.resolved_at) if alert.resolved_at else None,
    }


def _written(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
