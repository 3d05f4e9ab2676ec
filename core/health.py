"""Whether the process lives and whether it can serve; anonymous, and silent about what is wrong.

The answers are for the names in ALLOWED_HOSTS, as all others: a probe that comes by another name (a
container's address, say) must send one of them as its Host header, or be allowed by
CLOUDINTEL_ALLOWED_HOSTS.
"""

import logging
from collections.abc import Callable

import redis
from django.db import Error as DatabaseError
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from drf_spectacular.utils import extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core import valkey
from core.api import ExactJSONRenderer
from core.examples import answered

logger = logging.getLogger(__name__)

_MESSAGE = inline_serializer(
    "Health", {"message": serializers.CharField(), "version": serializers.CharField()}
)
_STATUS = inline_serializer("Status", {"status": serializers.CharField()})


class NotReadyError(Exception):
    """Something that requests need is not there; the message is for the log."""


_GREETING = {"message": "Cloud Resource Autoscaler API is running", "version": "1.0"}


class AnonymousView(APIView):
    """Answers anybody, in JSON; a token is not looked at, so a bad one does no harm."""

    authentication_classes = ()
    permission_classes = (AllowAny,)
    renderer_classes = (ExactJSONRenderer,)


class MessageView(AnonymousView):
    """The greeting of the API."""

    @extend_schema(tags=["health"], responses=_MESSAGE, examples=[answered(_GREETING)])
    def get(self, request: Request) -> Response:
        return Response(_GREETING)


class AliveView(AnonymousView):
    """The process answers; nothing else is asked for."""

    @extend_schema(tags=["health"], responses=_STATUS)
    def get(self, request: Request) -> Response:
        return Response({"status": "ok"})


class ReadyView(AnonymousView):
    """The database, its migrations and the broker are there: 200, else 503."""

    @extend_schema(tags=["health"], responses={200: _STATUS, 503: _STATUS})
    def get(self, request: Request) -> Response:
        return Response({"status": "ok"}) if is_ready() else Response({"status": "unavailable"}, status=503)


def is_ready() -> bool:
    """Make each check; what fails is logged."""
    checks: tuple[Callable[[], None], ...] = (_check_database, _check_broker)
    return not [check for check in checks if not _passes(check)]


def _passes(check: Callable[[], None]) -> bool:
    try:
        check()
    except (DatabaseError, redis.RedisError, NotReadyError) as error:
        logger.warning("Not ready: %s: %s", type(error).__name__, error)
        return False
    return True


def _check_database() -> None:
    """Ask the database which migrations it has. Raises: DatabaseError, NotReadyError."""
    executor = MigrationExecutor(connection)
    missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if missing:
        raise NotReadyError(f"{len(missing)} migrations are not applied")


def _check_broker() -> None:
    """Ask the broker for a sign of life, once. Raises: redis.RedisError."""
    valkey.client().ping()


message = MessageView.as_view()
livez = AliveView.as_view()
readyz = ReadyView.as_view()
