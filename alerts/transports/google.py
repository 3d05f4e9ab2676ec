"""Access tokens of Google's: with the key of a service account, or from the metadata server of its machines.

A token is remembered in this process until shortly before its end.

Source: https://developers.google.com/identity/protocols/oauth2/service-account
        https://cloud.google.com/compute/docs/access/authenticate-workloads
"""

import json
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import jwt
import requests
from django.conf import settings
from django.utils import timezone

from alerts import addresses
from alerts.transports.machines import TIMEOUTS_S
from core.errors import InvalidInputError, TransientCloudError

SCOPE = "https://www.googleapis.com/auth/pubsub"
METADATA = "http://metadata.google.internal"
"""A fixed name, which only Google's machines know."""
_METADATA_PATH = "/computeMetadata/v1/instance/service-accounts/default/token"
_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_LIFETIME = timedelta(hours=1)
MARGIN = timedelta(seconds=60)
"""So long before its end a token is not used any more."""


@dataclass(frozen=True, slots=True)
class Key:
    """What a service account signs with, as its key file says."""

    email: str
    key_id: str
    private_key: str
    token_uri: str


@dataclass(frozen=True, slots=True)
class Token:
    """An access token, and from when on it is too old to be used."""

    value: str
    until: datetime


_tokens: dict[str, Token] = {}
_lock = threading.Lock()


def token() -> str:
    """Return an access token. Raises: InvalidInputError for settings, TransientCloudError."""
    key = service_account()
    source = f"{key.email}/{key.key_id}" if key else METADATA
    with _lock:
        known = _tokens.get(source)
        if known is None or timezone.now() >= known.until:
            known = _tokens[source] = _exchanged(key) if key else _of_machine()
        return known.value


def forget() -> None:
    """Forget the tokens: one was not accepted."""
    with _lock:
        _tokens.clear()


def service_account() -> Key | None:
    """Return the key of GOOGLE_APPLICATION_CREDENTIALS; None where that is not set.

    Raises: InvalidInputError.
    """
    name = settings.GOOGLE_APPLICATION_CREDENTIALS
    if not name:
        return None
    try:
        told = json.loads(Path(name).read_text())
        key = Key(*(str(told[part]) for part in _PARTS))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InvalidInputError(
            "GOOGLE_APPLICATION_CREDENTIALS must name the key file of a service account (JSON)."
        ) from error
    _refuse_others(key.token_uri)
    return key


_PARTS = ("client_email", "private_key_id", "private_key", "token_uri")


def _refuse_others(token_uri: str) -> None:
    """Accept Google's own hosts, and those that webhooks may reach. Raises: InvalidInputError."""
    parts = urlsplit(token_uri)
    if parts.scheme == "https" and parts.netloc in ("oauth2.googleapis.com", "accounts.google.com"):
        return
    refuse_unless_allowed(token_uri, "The key file's token_uri")


def refuse_unless_allowed(url: str, what: str) -> None:
    """Accept a host that WEBHOOK_ALLOWED_HOSTS names. Raises: InvalidInputError."""
    allowed = settings.WEBHOOK_ALLOWED_HOSTS
    try:
        is_allowed = addresses.parse(url, allowed=allowed).is_among(allowed)
    except addresses.RefusedAddressError:
        is_allowed = False
    if not is_allowed:
        raise InvalidInputError(f"{what} is not Google's; only WEBHOOK_ALLOWED_HOSTS can allow it.")


def _exchanged(key: Key) -> Token:
    """Return a token for a text that the key signs. Raises: InvalidInputError, TransientCloudError."""
    now = timezone.now()
    claims = {"iss": key.email, "scope": SCOPE, "aud": key.token_uri, "iat": now, "exp": now + _LIFETIME}
    try:
        signed = jwt.encode(claims, key.private_key, algorithm="RS256", headers={"kid": key.key_id})
    except (ValueError, TypeError, jwt.PyJWTError) as error:
        raise InvalidInputError(
            "The key file of GOOGLE_APPLICATION_CREDENTIALS holds no key to sign with."
        ) from error
    form = {"grant_type": _GRANT, "assertion": signed}
    return _answered("POST", key.token_uri, data=form)


def _of_machine() -> Token:
    return _answered("GET", f"{METADATA}{_METADATA_PATH}", headers={"Metadata-Flavor": "Google"})


def _answered(method: str, url: str, **options: Any) -> Token:
    """Return the token that an endpoint gives. Raises: InvalidInputError, TransientCloudError."""
    host = urlsplit(url).hostname
    try:
        answer = ask(method, url, **options)
    except requests.RequestException as error:
        raise TransientCloudError(
            f"{host} cannot be reached for an access token; outside of Google's machines, "
            "GOOGLE_APPLICATION_CREDENTIALS has to name a key file."
            if url.startswith(METADATA)
            else f"{host} cannot be reached for an access token."
        ) from error
    if answer.status_code != HTTPStatus.OK:
        raise TransientCloudError(f"{host} gave no access token: it answered {answer.status_code}.")
    try:
        told = answer.json()
        lifetime = timedelta(seconds=float(told["expires_in"]))
        return Token(str(told["access_token"]), timezone.now() + lifetime - MARGIN)
    except (ValueError, KeyError, TypeError, OverflowError) as error:
        raise TransientCloudError(f"{host} gave no access token that can be read.") from error


def ask(method: str, url: str, **options: Any) -> requests.Response:
    """Make one request, past proxies and passwords of the environment. Raises: requests.RequestException."""
    with requests.Session() as session:
        session.trust_env = False
        return session.request(method, url, timeout=TIMEOUTS_S, allow_redirects=False, **options)
