"""The keys of other issuers of tokens, found by OpenID Connect's discovery.

They are kept for an hour. A key that is not among them is asked for again, since issuers change theirs, but
no issuer more often than every half minute: whoever forges tokens cannot make us hammer it.
Source: OpenID Connect Discovery 1.0, section 4; RFC 7517.
"""

import ipaddress
import logging
import threading
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

import orjson
import requests
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt import PyJWK, PyJWTError
from urllib3 import BaseHTTPResponse
from urllib3.exceptions import HTTPError

from accounts.errors import IssuerAwayError

logger = logging.getLogger(__name__)

ALGORITHMS = ("RS256", "ES256")
LASTS_S = 3600.0
PAUSE_S = 30.0
TIMEOUTS_S = (3, 3)
"""For the connection, and between two packets of the answer."""
DEADLINE_S = 5.0
"""For discovery and keys together."""
MOST_BYTES = 256 * 1024
_LEAST_RSA_BITS = 2048
_CHUNK = 16 * 1024


class _UnusableError(Exception):
    """What was answered is of no use; the message is for the log."""


class Issuer:
    """One issuer and what is known of its keys, for all threads of this process."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._keys: Mapping[str, PyJWK] = {}
        self._read_at = self._asked_at = float("-inf")
        self._trouble = ""
        self._turn = threading.Lock()

    def key(self, kid: str) -> PyJWK | None:
        """Return the key with that id; None where the issuer has none. Raises: IssuerAwayError."""
        if (known := self._known(kid)) is not None:
            return known
        if not self._turn.acquire(timeout=DEADLINE_S):
            raise IssuerAwayError  # Another thread is waiting for it; not all of them have to.
        try:
            if self._known(kid) is None and monotonic() >= self._asked_at + PAUSE_S:
                self._ask()
        finally:
            self._turn.release()
        if (found := self._known(kid)) is None and self._trouble:
            raise IssuerAwayError
        return found

    def _known(self, kid: str) -> PyJWK | None:
        return self._keys.get(kid) if monotonic() < self._read_at + LASTS_S else None

    def _ask(self) -> None:
        """Read the keys anew; where that fails, those that are known serve on until their hour is over."""
        self._asked_at = monotonic()
        try:
            self._keys, self._trouble = self._read(), ""
            self._read_at = monotonic()
        except (_UnusableError, requests.RequestException, HTTPError, OSError, ValueError) as error:
            self._trouble = f"{type(error).__name__}: {error}"
            logger.warning("The issuer %s gives no keys: %s", self._url, self._trouble)

    def _read(self) -> dict[str, PyJWK]:
        """Return the issuer's keys; none of one that calls itself by another name. Raises: see `_ask`."""
        until = monotonic() + DEADLINE_S
        document = _json(f"{self._url.rstrip('/')}/.well-known/openid-configuration", until)
        if document.get("issuer") != self._url:
            logger.warning(
                "The issuer %s calls itself %.200r, and is not believed", self._url, document.get("issuer")
            )
            return {}
        return _usable(_json(str(document.get("jwks_uri")), until).get("keys"))


@cache
def known(url: str) -> Issuer:
    """Return the issuer, one for the process; to be called with those of OIDC_ISSUERS alone."""
    return Issuer(url)


def _usable(keys: Any) -> dict[str, PyJWK]:
    """Return the keys that signatures may be checked with, by their ids."""
    if not isinstance(keys, list):
        raise _UnusableError("it has no list of keys")
    found: dict[str, PyJWK] = {}
    for each in keys:
        with suppress(PyJWTError, ValueError, TypeError):
            if (key := _public(each)) is not None:
                found[each["kid"]] = key
    return found


def _public(data: Any) -> PyJWK | None:
    """Return the key, where it is a public one for a signature that is strong enough."""
    if not isinstance(data, dict) or not isinstance(data.get("kid"), str):
        return None
    if data.get("kty") not in ("RSA", "EC") or data.get("use", "sig") != "sig":
        return None
    key = PyJWK(data)
    is_weak = isinstance(key.key, RSAPublicKey) and key.key.key_size < _LEAST_RSA_BITS
    return key if key.algorithm_name in ALGORITHMS and not is_weak else None


# --- Asking ----------------------------------------------------------------------------------
def _json(address: str, until: float) -> dict[str, Any]:
    """Return the object at an address: by https, without redirects, and no more than so many bytes."""
    _refuse_plain(address)
    headers = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "CloudIntel"}
    with requests.get(
        address, headers=headers, timeout=TIMEOUTS_S, allow_redirects=False, stream=True
    ) as answer:
        if answer.status_code != requests.codes.ok:
            raise _UnusableError(f"{address} answered {answer.status_code}")
        said = orjson.loads(_body(answer.raw, until))
    if not isinstance(said, dict):
        raise _UnusableError(f"{address} is no JSON object")
    return said


def _refuse_plain(address: str) -> None:
    """Raises: _UnusableError for http, but to this machine; whoever is in between could change the keys."""
    parts = urlsplit(address)
    if parts.scheme != "https" and not (parts.scheme == "http" and _is_loopback(parts.hostname or "")):
        raise _UnusableError(f"{address} is no https address")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _body(stream: BaseHTTPResponse, until: float) -> bytes:
    """Read to the end, piece by piece: one that drips holds nobody up. Raises: _UnusableError."""
    body = b""
    while chunk := stream.read1(_CHUNK):
        body += chunk
        if len(body) > MOST_BYTES:
            raise _UnusableError(f"it answers with more than {MOST_BYTES} bytes")
        if monotonic() > until:
            raise _UnusableError(f"it takes more than {DEADLINE_S:.0f} s to answer")
    return body
