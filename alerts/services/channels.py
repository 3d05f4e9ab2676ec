"""Channels: which targets they may have, and whether they work."""

import uuid
from collections.abc import Callable

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from alerts import addresses, telling
from alerts.models import Channel, Kind
from alerts.outcomes import Outcome
from alerts.services import delivering
from alerts.transports import mail, pubsub, sending, slack, sns
from core.errors import InvalidInputError

TEST_S = 9.0


def _check_webhook(url: str) -> None:
    addresses.check(url, allowed=settings.WEBHOOK_ALLOWED_HOSTS)


_CHECKS: dict[Kind, Callable[[str], object]] = {
    Kind.EMAIL: mail.check,
    Kind.SLACK: slack.tokens,
    Kind.WEBHOOK: _check_webhook,
    Kind.SNS: sns.region,
    Kind.PUBSUB: pubsub.check,
}


def check(kind: str, target: str) -> None:
    """Accept a target that a channel of this kind can have, whether or not it can be reached now.

    Raises: InvalidInputError.
    """
    _CHECKS[Kind(kind)](target)


def warning(kind: str) -> str:
    """Say why nothing can be sent through channels of this kind at the moment; empty if nothing is known."""
    try:
        if kind == Kind.EMAIL:
            mail.server()
        elif kind == Kind.PUBSUB:
            pubsub.check_settings()
    except InvalidInputError as error:
        return str(error)
    return ""


def test(channel: Channel) -> Outcome:
    """Send a message now, whether or not the channel is switched on."""
    message = telling.probe(uuid.uuid4(), timezone.now())
    outcome = sending.send(channel.kind, channel.target, message, timeout_s=TEST_S)
    delivering.note(channel, outcome)
    return outcome


def delete(channel: Channel) -> None:
    """Delete the channel with its deliveries, after those who are writing some."""
    with transaction.atomic():
        for locked in Channel.objects.select_for_update().filter(pk=channel.pk):
            locked.delete()
