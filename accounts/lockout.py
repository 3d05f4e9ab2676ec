"""Brute force: after some wrong passwords for one e-mail from one address, the next try has to wait.

django-axes counts the failures and keeps them in the database; the settings that begin with AXES_ say
how many and how long. What is here makes its count exact: attempts for the same e-mail from the same
address take turns, and whatever a client says of itself (its User-Agent) does not start a new count.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from axes.handlers.database import AxesDatabaseHandler
from axes.handlers.proxy import AxesProxyHandler
from axes.helpers import get_client_ip_address, get_cool_off
from axes.models import AccessAttempt
from django.contrib import auth
from django.contrib.auth.signals import user_logged_in
from django.db import connection, transaction
from django.db.models import Max
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from accounts.errors import TooManyAttemptsError
from accounts.models import User
from core.api import error_response


class OneCountHandler(AxesDatabaseHandler):  # type: ignore[misc]  # django-axes has no types
    """Keeps one count for an e-mail and an address, so that it ends all at once."""

    def user_login_failed(
        self, sender: Any, credentials: dict[str, Any], request: Any = None, **kwargs: Any
    ) -> None:
        """Count the failure, without the client's name for itself."""
        if request is not None:
            request.axes_user_agent = ""
        super().user_login_failed(sender, credentials, request, **kwargs)


def username(_request: HttpRequest, credentials: Mapping[str, Any] | None) -> str:
    """Return the name that failures are counted under: the API's `email`, the admin form's `username`."""
    given = credentials or {}
    return str(given.get("email") or given.get("username") or "").strip().lower()[:254]


def verified_user(request: HttpRequest, *, email: str, password: str) -> User | None:
    """Return the active user with this e-mail and password, or None, which is counted.

    An unknown e-mail takes as long as a wrong password. Raises: TooManyAttemptsError.
    """
    with taking_turns(request, email):
        if AxesProxyHandler.is_locked(request, {"email": email}):
            raise TooManyAttemptsError(remaining_s(request, email))
        user = auth.authenticate(request, email=email, password=password)
    if user is not None:
        user_logged_in.send(sender=type(user), request=request, user=user)
    return user


@contextmanager
def taking_turns(request: HttpRequest, email: str) -> Iterator[None]:
    """Hold others back who try the same e-mail from the same address, until this failure is counted."""
    turn = f"login {username(request, {'email': email})} {get_client_ip_address(request)}"
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [turn])
        yield


def remaining_s(request: HttpRequest, email: str) -> float:
    """Return for how many seconds, one at least, tries are still refused."""
    last = AccessAttempt.objects.filter(
        username=username(request, {"email": email}), ip_address=get_client_ip_address(request)
    ).aggregate(last=Max("attempt_time"))["last"]
    wait: timedelta = get_cool_off(request) - (timezone.now() - last if last else timedelta())
    return max(1.0, wait.total_seconds())


def answer(request: Any, response: HttpResponse, credentials: Mapping[str, Any] | None) -> HttpResponse:
    """Answer a login form that is locked out; the failure that completes the count is still told as such.

    django-axes leaves its findings on the request.
    """
    if request.axes_failures_since_start is not None:
        return response
    error = TooManyAttemptsError(remaining_s(request, username(request, credentials)))
    refusal = error_response(error.status_code, str(error.detail))
    refusal.headers["Retry-After"] = str(error.wait)
    return refusal
