"""Google Pub/Sub: a topic by its name, published to by REST.

Source: https://cloud.google.com/pubsub/docs/reference/rest/v1/projects.topics/publish
"""

import base64
import json
import re
from http import HTTPStatus
from typing import Any

import requests
from django.conf import settings
from django.utils import timezone

from alerts import outcomes
from alerts.outcomes import Outcome
from alerts.telling import Message
from alerts.transports import google
from alerts.transports.machines import MachinePlugin
from core.errors import InvalidInputError, TransientCloudError

API = "https://pubsub.googleapis.com"
# Source: https://cloud.google.com/pubsub/docs/pubsub-basics#resource_names
_TOPIC = re.compile(
    r"projects/[a-z][a-z0-9-]{4,28}[a-z0-9]/topics/(?!goog)[A-Za-z][\w.~+%-]{2,254}", re.ASCII
)


def check(topic: str) -> None:
    """Accept the name of a topic. Raises: InvalidInputError."""
    if _TOPIC.fullmatch(topic) is None:
        raise InvalidInputError("A topic of Pub/Sub is projects/PROJECT/topics/NAME")


def check_settings() -> None:
    """Accept what the settings say of Google. Raises: InvalidInputError."""
    if not _emulator():
        google.service_account()


class PubSubPlugin(MachinePlugin):
    """Publishes one message to one topic."""

    service_name = "Google Pub/Sub"
    secure_protocol = "cloudintel-pubsub"

    def _sent(self) -> Outcome:
        try:
            answer = _posted(self._target, self._message)
        except (InvalidInputError, TransientCloudError) as error:
            # Settings are mended, too.
            return outcomes.failed(str(error))
        except requests.RequestException as error:
            return outcomes.failed(f"Pub/Sub cannot be reached ({type(error).__name__}).")
        if answer.status_code == HTTPStatus.UNAUTHORIZED:
            google.forget()
            return outcomes.failed("Pub/Sub did not accept the access token.")
        return outcomes.of_status(answer.status_code, answer.headers, timezone.now())


def _posted(topic: str, message: Message) -> requests.Response:
    """Publish. Raises: InvalidInputError, TransientCloudError, requests.RequestException."""
    check(topic)
    emulator = _emulator()
    headers = {} if emulator else {"Authorization": f"Bearer {google.token()}"}
    return google.ask("POST", f"{emulator or API}/v1/{topic}:publish", json=request(message), headers=headers)


def _emulator() -> str:
    """Return the address of the emulator, empty where none is used. Raises: InvalidInputError."""
    if not settings.PUBSUB_EMULATOR_HOST:
        return ""
    url = f"http://{settings.PUBSUB_EMULATOR_HOST}"
    google.refuse_unless_allowed(url, "PUBSUB_EMULATOR_HOST")
    return url


def request(message: Message) -> dict[str, Any]:
    """Return what is published: the JSON of webhooks, and attributes to filter by."""
    data = base64.b64encode(json.dumps(message.payload).encode()).decode()
    return {"messages": [{"data": data, "attributes": message.attributes}]}
