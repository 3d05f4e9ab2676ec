"""The sink of alerts: whoever sees trouble opens one here, and resolves it when the trouble is over."""

from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from accounts.models import User
from alerts.errors import AlertOverError
from alerts.models import Alert, AlertQuerySet, Event, Severity
from alerts.services import outbox


def open(key: str, *, severity: Severity, title: str, body: str, source: str) -> Alert:  # noqa: A001 - the word for it
    """Return the open alert with that key, brought up to date and counted once more, or a new one.

    Any number of calls at once make one alert; in a transaction, it is there when that is committed.
    """
    told = {"severity": severity, "title": title[:250], "body": body, "source": source}
    milder = Severity(severity).milder
    while True:
        same = Alert.objects.unresolved().filter(key=key)
        if _seen(same.exclude(severity__in=milder), told) or (milder and _risen(same, milder, told)):
            # It may have been resolved since; then this trouble is a new one.
            if (alert := same.first()) is not None:
                return alert
            continue
        try:
            with transaction.atomic():
                return _opened(Alert(key=key, **told))
        except IntegrityError:
            continue


def _seen(alerts: AlertQuerySet, told: dict[str, str]) -> int:
    return alerts.update(**told, count=F("count") + 1, updated_at=timezone.now())


def _risen(same: AlertQuerySet, milder: list[Severity], told: dict[str, str]) -> bool:
    """Bring an alert up to date that mattered less so far, and tell of that; False where there is none."""
    with transaction.atomic():
        if not _seen(same.filter(severity__in=milder), told):
            return False
        outbox.tell(same.get(), Event.ESCALATED)
    return True


def _opened(alert: Alert) -> Alert:
    alert.save(force_insert=True)
    outbox.tell(alert, Event.OPENED)
    return alert


def resolve(key: str, *, source: str | None = None) -> Alert | None:
    """End the open alert with that key, if there is one; with `source`, only what that raised last."""
    with transaction.atomic():
        alert = Alert.objects.unresolved().filter(key=key).select_for_update().first()
        if alert is None or source not in (None, alert.source):
            return None
        alert.resolved_at = timezone.now()
        alert.save(update_fields=["resolved_at"])
        outbox.tell(alert, Event.RESOLVED)
    return alert


def acknowledge(alert: Alert, *, by: User, note: str = "") -> Alert:
    """Note that somebody looks after an open alert; whoever was first, stays. Raises: AlertOverError."""
    unknown = Alert.objects.unresolved().filter(pk=alert.pk, acknowledged_at=None)
    noted = unknown.update(acknowledged_at=timezone.now(), acknowledged_by=by, note=note)
    alert.refresh_from_db()
    if not noted and alert.acknowledged_at is None:
        raise AlertOverError
    return alert
