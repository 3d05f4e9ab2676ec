"""Sends what is in the outbox: each delivery is claimed, sent, and its outcome recorded at once.

A claim is one UPDATE that finds the row as it was seen, so that of any number of workers one gets it. Its
lease is by PostgreSQL's clock, and longer than an attempt takes; when it has run out, its holder is taken to
be dead. Nobody knows then whether the message arrived, so it is sent again, with the same id.
"""

import logging
import time
from collections.abc import Collection
from datetime import timedelta

from django.db.models import Exists, F, OuterRef, Q
from django.db.models.functions import Now
from django.utils import timezone

from alerts import telling
from alerts.models import Channel, Delivery, DeliveryQuerySet, DeliveryState, Event
from alerts.outcomes import Outcome
from alerts.pacing import MOST_ATTEMPTS, pause_s
from alerts.transports import sending

logger = logging.getLogger(__name__)

LEASE = timedelta(seconds=3 * sending.TIMEOUT_S)
ROUND_S = 60.0
"""For how long one task goes on sending; what is left is for the next one."""
LOST = "The worker that sent it was lost each time."


def deliver_due(within_s: float = ROUND_S) -> int:
    """Send what is due, one after the other; a channel that fails is left alone for the rest of the round."""
    until = time.monotonic() + within_s
    resting: set[int] = set()
    number = 0
    while time.monotonic() < until and (delivery := claim(resting)) is not None:
        if not deliver(delivery):
            resting.add(delivery.channel_id)
        number += 1
    return number


def claim(resting: Collection[int] = ()) -> Delivery | None:
    """Take the delivery that has been due for longest; None where there is none."""
    while (due := _due().exclude(channel__in=resting).first()) is not None:
        seen = Delivery.objects.filter(pk=due.pk, attempts=due.attempts, state=due.state)
        if due.attempts >= MOST_ATTEMPTS:
            _end(due, seen, DeliveryState.ABANDONED, LOST)
        elif seen.update(
            state=DeliveryState.SENDING, attempts=F("attempts") + 1, lease_until=Now() + LEASE, error=""
        ):
            due.state, due.attempts = DeliveryState.SENDING, due.attempts + 1
            return due
    return None


def _due() -> DeliveryQuerySet:
    """Return what may be sent now: one at a time a channel, and what is told of an alert in its order."""
    waiting = Q(state__in=(DeliveryState.PENDING, DeliveryState.FAILED), not_before__lte=Now())
    lost = Q(state=DeliveryState.SENDING, lease_until__lt=Now())
    busy = Delivery.objects.filter(
        channel=OuterRef("channel"), state=DeliveryState.SENDING, lease_until__gte=Now()
    )
    due = Delivery.objects.filter(waiting | lost).filter(~Exists(busy), ~Exists(_before().open()))
    return due.select_related("channel", "notification__alert").order_by("not_before", "notification_id")


def _before() -> DeliveryQuerySet:
    return Delivery.objects.filter(
        channel=OuterRef("channel"),
        notification__alert=OuterRef("notification__alert"),
        notification__lt=OuterRef("notification"),
    )


def deliver(delivery: Delivery) -> bool:
    """Send what was claimed, and record what came of it; False where the channel does not work now."""
    if reason := _why_not(delivery):
        _end(delivery, _held(delivery), DeliveryState.DROPPED, reason)
        return True
    channel = delivery.channel
    outcome = sending.send(channel.kind, channel.target, telling.of(delivery, timezone.now()))
    _record(delivery, outcome)
    note(channel, outcome)
    return outcome.is_delivered


def _why_not(delivery: Delivery) -> str:
    """Say why nobody needs this any more; empty where somebody does."""
    if not delivery.channel.is_enabled:
        return "The channel was switched off."
    earlier = Delivery.objects.filter(
        channel=delivery.channel, notification__alert=delivery.notification.alert, state=DeliveryState.SENT
    )
    if delivery.notification.event == Event.RESOLVED and not earlier.exists():
        return "Nobody was told that it began."
    return ""


def _held(delivery: Delivery) -> DeliveryQuerySet:
    return Delivery.objects.filter(pk=delivery.pk, state=DeliveryState.SENDING, attempts=delivery.attempts)


def _record(delivery: Delivery, outcome: Outcome) -> None:
    """Store the outcome; that it arrived is true whoever holds the claim by now, a failure may be stale."""
    if outcome.is_delivered:
        rows = Delivery.objects.filter(pk=delivery.pk)
        rows.update(state=DeliveryState.SENT, sent_at=Now(), lease_until=None, error="")
    elif outcome.is_final or delivery.attempts >= MOST_ATTEMPTS:
        _end(delivery, _held(delivery), DeliveryState.ABANDONED, outcome.error)
    else:
        wait = timedelta(seconds=pause_s(delivery.attempts, wished_s=outcome.retry_after_s))
        logger.warning("%s is tried again in %s: %s", delivery, wait, outcome.error)
        _held(delivery).update(
            state=DeliveryState.FAILED, not_before=Now() + wait, lease_until=None, error=outcome.error
        )


def _end(delivery: Delivery, rows: DeliveryQuerySet, state: DeliveryState, why: str) -> None:
    if rows.update(state=state, lease_until=None, error=why) and state == DeliveryState.ABANDONED:
        logger.error("%s is given up after %d attempts: %s", delivery, delivery.attempts, why)


def note(channel: Channel, outcome: Outcome) -> None:
    """Note on the channel whether it works."""
    told = (
        {"last_sent_at": Now(), "last_error": ""} if outcome.is_delivered else {"last_error": outcome.error}
    )
    Channel.objects.filter(pk=channel.pk).update(**told)


def try_again(deliveries: DeliveryQuerySet) -> int:
    """Have what was given up sent after all, with all its attempts before it; return how many."""
    given_up = deliveries.filter(state=DeliveryState.ABANDONED)
    return given_up.update(state=DeliveryState.PENDING, attempts=0, not_before=Now())
