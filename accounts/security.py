"""Security events: what was tried and refused, counted by the hour so that no flood fills the table."""

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from axes.helpers import get_client_ip_address
from axes.signals import user_locked_out
from django.contrib.auth.signals import user_login_failed
from django.core.exceptions import PermissionDenied as DjangoPermissionDenied
from django.db import DatabaseError, connection, transaction
from django.http import HttpRequest
from django.utils import timezone
from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import lockout
from accounts.errors import TooManyAttemptsError
from accounts.models import Kind, SecurityEvent, User
from core import api

logger = logging.getLogger(__name__)

MOST_ROWS = 100
"""So many rows are kept of one kind from one address in an hour; what is beyond is counted in one more."""
OTHERS = "(others)"
_EMAIL, _PATH = 254, 200


def register() -> None:
    """Listen to logins that fail."""
    user_login_failed.connect(_login_failed, dispatch_uid="accounts.security")
    user_locked_out.connect(_locked_out, dispatch_uid="accounts.security")


def exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """Answer as `core.api` does; record what a user may not do, and attempts while they have to wait."""
    request: Request = context["request"]
    if isinstance(error, exceptions.PermissionDenied | DjangoPermissionDenied):
        denied(request, getattr(request, "user", None))
    elif isinstance(error, TooManyAttemptsError):
        record(Kind.LOCKED_OUT, request, email=_tried(request))
    return api.exception_handler(error, context)


def denied(request: HttpRequest | Request, user: Any) -> None:
    """Record what is refused to a user; who is none yet is asked to log in, which is no event."""
    if isinstance(user, User):
        record(Kind.PERMISSION_DENIED, request, email=user.email, user=user)


def _tried(request: Request) -> str:
    """Return the e-mail of a login, or of the user whose password was asked for."""
    credentials = request.data if isinstance(request.data, Mapping) else {}
    return lockout.username(request, credentials) or getattr(request.user, "email", "")


def _login_failed(credentials: Mapping[str, Any], request: HttpRequest | None = None, **_signal: Any) -> None:
    if request is not None:
        record(Kind.LOGIN_FAILED, request, email=lockout.username(request, credentials))


def _locked_out(request: HttpRequest, username: str | None = None, **_signal: Any) -> None:
    record(Kind.LOCKED_OUT, request, email=username or "")


def record(kind: Kind, request: HttpRequest | Request, *, email: str, user: User | None = None) -> None:
    """Count the event; nothing that goes wrong with it reaches the request."""
    now = timezone.now()
    hour = now.replace(minute=0, second=0, microsecond=0)
    address = get_client_ip_address(request) or None
    try:
        with transaction.atomic():
            key = (kind.value, email[:_EMAIL], address, request.path[:_PATH], hour)
            _count(key, now, method=(request.method or "")[:10], user=user)
    except (DatabaseError, ValueError):
        logger.exception("the security event %s is not recorded", kind)


_Key = tuple[str, str, str | None, str, datetime]


def _count(key: _Key, now: datetime, *, method: str, user: User | None) -> None:
    """Add to the row with this key; where its address has too many, to the one for all others."""
    kind, email, address, path, hour = key
    same = SecurityEvent.objects.filter(kind=kind, hour=hour, address=address)
    if not same.filter(email=email, path=path).exists() and same.count() >= MOST_ROWS:
        email, path, user = OTHERS, OTHERS, None
    known = user.pk if user else User.objects.filter(email=email).values_list("pk", flat=True).first()
    table = SecurityEvent._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} AS t (kind, email, address, path, hour, at, method, user_id, count)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, 1)"
            " ON CONFLICT (kind, hour, address, email, path)"
            " DO UPDATE SET count = t.count + 1, at = EXCLUDED.at, method = EXCLUDED.method",
            [kind, email, address, path, hour, now, method, known],
        )
