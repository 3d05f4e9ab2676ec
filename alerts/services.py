"""The sink of alerts: whoever sees trouble opens one here, and resolves it when the trouble is over."""

from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from alerts.models import Alert, Event, Notification, Severity


def open(key: str, *, severity: Severity, title: str, body: str, source: str) -> Alert:  # noqa: A001 - the word for it
    """Return the open alert with that key, brought up to date and counted once more, or a new one.

    Any number of calls at once make one alert; in a transaction, it is there when that is committed.
    """
    told = {"severity": severity, "title": title[:250], "body": body, "source": source}
    while True:
        same = Alert.objects.unresolved().filter(key=key)
        if same.update(**told, count=F("count") + 1, updated_at=timezone.now()):
            # It may have been resolved since; then this trouble is a new one.
            if (alert := same.first()) is not None:
                return alert
            continue
        try:
            with transaction.atomic():
                return _opened(Alert(key=key, **told))
        except IntegrityError:
            continue


def _opened(alert: Alert) -> Alert:
    alert.save(force_insert=True)
    Notification.objects.create(alert=alert, event=Event.OPENED)
    return alert


def resolve(key: str, *, source: str | None = None) -> Alert | None:
    """End the open alert with that key, if there is one; with `source`, only what that raised last."""
    with transaction.atomic():
        alert = Alert.objects.unresolved().filter(key=key).select_for_update().first()
        if alert is None or source not in (None, alert.source):
            return None
        alert.resolved_at = timezone.now()
        alert.save(update_fields=["resolved_at"])
        Notification.objects.create(alert=alert, event=Event.RESOLVED)
    return alert
