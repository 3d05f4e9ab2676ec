"""Webhooks: a plugin for Apprise that posts JSON to the addresses that were looked at, and to no other."""

import json
from typing import Any

import requests
from django.conf import settings
from django.utils import timezone
from requests.adapters import HTTPAdapter
from urllib3.exceptions import NewConnectionError

from alerts import addresses, outcomes
from alerts.addresses import Endpoint
from alerts.outcomes import Outcome
from alerts.telling import Message
from alerts.transports.machines import TIMEOUTS_S, MachinePlugin
from core.errors import TransientCloudError

MOST_ADDRESSES = 3
# What the receiver's certificate is checked with: the authorities that requests knows.
AUTHORITIES: bool | str = True


class WebhookPlugin(MachinePlugin):
    """Posts one message to one URL."""

    service_name = "Webhook"
    secure_protocol = "cloudintel-webhook"

    def _sent(self) -> Outcome:
        try:
            endpoint = addresses.endpoint(self._target, allowed=settings.WEBHOOK_ALLOWED_HOSTS)
        except addresses.RefusedAddressError as error:
            return outcomes.refused(str(error))
        except TransientCloudError as error:
            return outcomes.failed(str(error))
        return post(self._target, endpoint, self._message)


class _PinnedAdapter(HTTPAdapter):
    """Connects to one address, and has TLS check the name that the address was found by."""

    def __init__(self, endpoint: Endpoint, address: str) -> None:
        self._place, self._address = endpoint.place, address
        super().__init__(max_retries=0)

    def build_connection_pool_key_attributes(
        self, request: Any, verify: Any, cert: Any = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Put the address in the place of the name."""
        host, tls = super().build_connection_pool_key_attributes(request, verify, cert)
        host["host"] = self._address
        if self._place.scheme == "https":
            tls |= {"server_hostname": self._place.host, "assert_hostname": self._place.host}
        return host, tls


def post(url: str, endpoint: Endpoint, message: Message) -> Outcome:
    """Post to the first of the endpoint's addresses that lets itself be connected to."""
    outcome = outcomes.failed("It cannot be connected to.")
    for address in endpoint.addresses[:MOST_ADDRESSES]:
        try:
            return _posted(url, _PinnedAdapter(endpoint, address), endpoint, message)
        except requests.RequestException as error:
            # The library's own words hold the URL.
            outcome = outcomes.failed(_why(error))
            if not _was_never_there(error):
                break
    return outcome


def _posted(url: str, adapter: HTTPAdapter, endpoint: Endpoint, message: Message) -> Outcome:
    """Post, and read no more of the answer than its head. Raises: requests.RequestException."""
    with requests.Session() as session:
        # No proxy, which would resolve the name again, and no password from a .netrc.
        session.trust_env = False
        session.mount(f"{endpoint.place.scheme}://", adapter)
        with session.post(
            url,
            data=json.dumps(message.payload),
            headers={
                "Content-Type": "application/json",
                "Host": endpoint.place.netloc,
                "Idempotency-Key": str(message.delivery_id),
                "User-Agent": "CloudIntel",
            },
            timeout=TIMEOUTS_S,
            allow_redirects=False,
            stream=True,
            verify=AUTHORITIES,
        ) as answer:
            return outcomes.of_status(answer.status_code, answer.headers, timezone.now())


def _why(error: requests.RequestException) -> str:
    if isinstance(error, requests.exceptions.SSLError):
        return "Its certificate is not accepted."
    if isinstance(error, requests.ReadTimeout):
        return f"It did not answer within {TIMEOUTS_S[1]} s."
    return "It cannot be connected to." if _was_never_there(error) else "The connection broke."


def _was_never_there(error: requests.RequestException) -> bool:
    """Say whether no connection came about, so that nothing can have arrived."""
    reason = getattr(error.args[0] if error.args else None, "reason", None)
    return isinstance(error, requests.ConnectTimeout) or isinstance(reason, NewConnectionError)
