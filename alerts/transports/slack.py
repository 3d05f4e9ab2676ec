"""Slack, by Apprise's own plugin: incoming webhooks alone."""

import re
from http import HTTPStatus
from typing import Any

from apprise.plugins.slack import NotifySlack
from django.utils import timezone

from alerts import outcomes
from alerts.outcomes import Outcome
from core.errors import InvalidInputError

_URL = re.compile(r"https://hooks\.slack\.com/services/(T[A-Z0-9]+)/(B[A-Z0-9]+)/([A-Za-z0-9]+)/?")
_STATUS = re.compile(r"\berror=(\d{3})\b")


def tokens(url: str) -> tuple[str, str, str]:
    """Return the three parts of an incoming webhook's address. Raises: InvalidInputError."""
    found = _URL.fullmatch(url)
    if found is None:
        raise InvalidInputError("Slack's incoming webhooks are https://hooks.slack.com/services/T…/B…/…")
    return found[1], found[2], found[3]


def plugin(url: str, **options: Any) -> NotifySlack:
    """Return the plugin that writes to an incoming webhook. Raises: InvalidInputError."""
    first, second, third = tokens(url)
    return NotifySlack(
        token_a=first,
        token_b=second,
        token_c=third,
        include_image=False,
        redirect=False,
        secure=True,
        schema="slack",
        **options,
    )


def judge(told: list[str]) -> Outcome:
    """Judge by what the plugin says; of the answer, it tells the status alone."""
    status = next((int(found[1]) for text in told if (found := _STATUS.search(text))), None)
    if status is None:
        return outcomes.failed("Slack cannot be reached.")
    if status < HTTPStatus.MULTIPLE_CHOICES:  # Apprise wants "ok" beside it
        return outcomes.failed(f"Slack answered {status}, but not ok.")
    return outcomes.of_status(status, {}, timezone.now())
