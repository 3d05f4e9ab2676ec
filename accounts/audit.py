"""The audit log (django-auditlog): who is named in its entries, and from where they asked.

Apps register the models whose changes matter when Django starts. django-auditlog's own middleware finds out
who asks before a view has looked at a token, trusts X-Forwarded-For, and connects a signal at each request;
here, the running request is kept, and looked at when an entry is about to be stored.
"""

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from auditlog.models import LogEntry
from auditlog.registry import auditlog
from axes.helpers import get_client_ip_address
from django.contrib.auth.models import Group
from django.core.exceptions import PermissionDenied
from django.db.models.signals import pre_save
from django.http import HttpRequest, HttpResponse
from structlog.contextvars import get_contextvars

from accounts import security
from accounts.models import User

_request: ContextVar[HttpRequest | None] = ContextVar("request", default=None)


class AuditMiddleware:
    """Keeps the request while it is answered; comes after those that authenticate sessions."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        token = _request.set(request)
        try:
            return self._get_response(request)
        finally:
            _request.reset(token)

    def process_exception(self, request: HttpRequest, error: Exception) -> None:
        """Record what is refused to a user outside the API, as on a page of the admin."""
        if isinstance(error, PermissionDenied):
            security.denied(request, request.user)


def register() -> None:
    """Have changes of users and groups recorded, never a password, and entries name who made them."""
    auditlog.register(
        User,
        include_fields=["email", "is_active", "is_staff", "is_superuser", "password"],
        mask_fields=["password"],
        mask_callable="accounts.audit.hidden",
        m2m_fields={"groups", "user_permissions"},
    )
    auditlog.register(Group, include_fields=["name"], m2m_fields={"permissions"})
    pre_save.connect(name_actor, sender=LogEntry, dispatch_uid="accounts.audit")


def hidden(_value: str) -> str:
    """Stand for a secret: that it changed is told, and nothing else."""
    return "(hidden)"


def request_id() -> str | None:
    """Return the id of the running request, or of the one that ordered the running task."""
    return get_contextvars().get("request_id")


def name_actor(instance: LogEntry, **_signal: Any) -> None:
    """Say who asks, by session or token, and from where; tasks and commands are nobody's."""
    request = _request.get()
    if request is None or instance.actor_id is not None:
        return
    instance.remote_addr = get_client_ip_address(request)
    user = getattr(request, "user", None)
    if isinstance(user, User):
        instance.actor_email = user.email
        # Users who delete themselves are not there any more.
        instance.actor = None if _tells_of_the_end_of(user, instance) else user


def _tells_of_the_end_of(user: User, entry: LogEntry) -> bool:
    same = entry.object_pk == str(user.pk) or entry.object_pk == user.pk
    return bool(same and entry.action == LogEntry.Action.DELETE)
