"""Sends a message through a channel by Apprise, and tells what came of it in words without secrets."""

import logging
from typing import Any

from apprise import Apprise, AppriseAsset, NotifyFormat, NotifyType
from apprise.plugins.base import NotifyBase
from apprise.result import AppriseResultStatus

from alerts import outcomes
from alerts.models import Kind, Severity
from alerts.outcomes import Outcome
from alerts.telling import Message
from alerts.transports import mail, slack
from alerts.transports.machines import MachinePlugin
from alerts.transports.pubsub import PubSubPlugin
from alerts.transports.sns import SnsPlugin
from alerts.transports.webhook import WebhookPlugin
from core.errors import InvalidInputError

TIMEOUT_S = 20
"""All that an attempt may take."""
_LONGEST_ERROR = 400
_MACHINES: dict[str, type[MachinePlugin]] = {
    Kind.WEBHOOK: WebhookPlugin,
    Kind.SNS: SnsPlugin,
    Kind.PUBSUB: PubSubPlugin,
}
_TYPES = {
    Severity.WARNING: NotifyType.WARNING,
    Severity.ERROR: NotifyType.FAILURE,
    Severity.CRITICAL: NotifyType.FAILURE,
    None: NotifyType.INFO,
}

# Apprise logs URLs with their tokens, and what servers answer. We are told, and nobody else.
_log = logging.getLogger("apprise")
_log.setLevel(logging.DEBUG)
_log.propagate = False
_log.addHandler(logging.NullHandler())


def send(kind: str, target: str, message: Message, *, timeout_s: float = TIMEOUT_S) -> Outcome:
    """Make one attempt; whatever goes wrong with it is told, not raised."""
    asset = AppriseAsset(app_id="CloudIntel", app_desc="CloudIntel", service_timeout=timeout_s)
    try:
        plugin = _plugin(kind, target, message, asset=asset)
    except InvalidInputError as error:
        # It was right when the channel was added, and may be so again: the settings are wrong.
        return outcomes.failed(str(error))
    with _notified(plugin, message, timeout_s) as result:
        if result:
            return outcomes.DELIVERED
        if result.status == AppriseResultStatus.TIMEOUT:
            return outcomes.failed(f"It took more than {timeout_s:g} s.")
        return _judged(kind, plugin, [entry.message for entry in result.logs()])


def _plugin(kind: str, target: str, message: Message, **options: Any) -> NotifyBase:
    """Return what sends this message there. Raises: InvalidInputError."""
    if kind == Kind.EMAIL:
        # Apprise makes up a Message-ID of its own, and another one would be a second one.
        headers = {"X-CloudIntel-Delivery": str(message.delivery_id)}
        return mail.plugin(target, headers=headers, html=message.html, **options)
    if kind == Kind.SLACK:
        return slack.plugin(target, **options)
    return _MACHINES[kind](target, message, **options)


def _notified(plugin: NotifyBase, message: Message, timeout_s: float) -> Any:
    apprise = Apprise(asset=plugin.asset)
    apprise.add(plugin)
    return apprise.notify(
        title=message.title,
        body=message.body,
        body_format=NotifyFormat.TEXT,
        notify_type=_TYPES[message.severity],
        timeout=timeout_s,
        log_level=logging.DEBUG,
    )


def _judged(kind: str, plugin: NotifyBase, told: list[str]) -> Outcome:
    if isinstance(plugin, MachinePlugin):
        return plugin.outcome
    outcome = slack.judge(told) if kind == Kind.SLACK else mail.judge(told)
    return Outcome(
        is_delivered=False,
        error=outcome.error[:_LONGEST_ERROR],
        is_final=outcome.is_final,
        retry_after_s=outcome.retry_after_s,
    )
