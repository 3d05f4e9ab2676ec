"""Keys by which callers repeat a request safely: the same key is the same run, for 24 hours.

Source: draft-ietf-httpapi-idempotency-key-header.
"""

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter
from rest_framework.exceptions import APIException
from rest_framework.request import Request

from accounts.permissions import asking
from core.errors import InvalidInputError
from pipelines.models import IdempotencyKey, Run

HEADER = "Idempotency-Key"
LASTS = timedelta(hours=24)
_KEY = re.compile(r"[\x20-\x7e]{1,255}")

PARAMETER = OpenApiParameter(
    HEADER,
    {"type": "string", "minLength": 1, "maxLength": 255},
    OpenApiParameter.HEADER,
    description="With the same key and body within 24 hours, the same run is answered, ended or not.",
)
REUSED = "The key was used with another body in the last 24 hours."


class KeyReusedError(APIException):
    """The key stands for another request."""

    status_code = 422
    default_detail = f"This {HEADER} was used with another body in the last 24 hours; choose a new key."
    default_code = "key_reused"


def once(request: Request, endpoint: str, body: Mapping[str, Any], start: Callable[[], Run]) -> Run:
    """Start a run, or return the one that the caller's key has started with this body.

    `body` is what was understood, so that the order of keys and defaults that are spelt out make no other
    request. Two at once take turns; where starting fails, nothing is remembered. Without a key, it is
    started. Raises: InvalidInputError, KeyReusedError.
    """
    key = _key(request)
    if key is None:
        return start()
    asked = {"caller": asking(request), "endpoint": endpoint, "key": key}
    with transaction.atomic():
        _take_turns(f"{endpoint} {asking(request).pk} {key}")
        return _known(asked, _fingerprint(body)) or _remembered(asked, _fingerprint(body), start())


def _key(request: Request) -> str | None:
    """Return the request's key, or None without one. Raises: InvalidInputError."""
    key = request.headers.get(HEADER)
    if key is not None and not _KEY.fullmatch(key):
        raise InvalidInputError(f"{HEADER} must be 1 to 255 printable ASCII characters.")
    return key


def _take_turns(turn: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"idempotency {turn}"])


def _known(asked: Mapping[str, Any], fingerprint: str) -> Run | None:
    """Return the run of the key; None where it was not used, or too long ago. Raises: KeyReusedError."""
    since = timezone.now() - LASTS
    known = IdempotencyKey.objects.filter(**asked, created_at__gt=since).select_related("run").first()
    if known is None:
        return None
    if known.fingerprint != fingerprint:
        raise KeyReusedError
    return known.run


def _remembered(asked: Mapping[str, Any], fingerprint: str, run: Run) -> Run:
    values = {"fingerprint": fingerprint, "run": run, "created_at": timezone.now()}
    IdempotencyKey.objects.update_or_create(**asked, defaults=values)
    return run


def _fingerprint(body: Mapping[str, Any]) -> str:
    written = json.dumps(body, sort_keys=True, default=str)
    return hashlib.sha256(written.encode()).hexdigest()


def outlived(now: datetime) -> QuerySet[IdempotencyKey]:
    """Return the keys that are over, the oldest first."""
    return IdempotencyKey.objects.filter(created_at__lte=now - LASTS).order_by("created_at")
