"""Whether the process lives and whether it can serve; anonymous, and silent about what is wrong.

What requests need are components: each is looked at by a check, which raises what is wrong, for the log. Apps
register theirs when Django starts. No check is waited for longer than three seconds, and none is made twice
at a time, so that neither a server that hangs nor a flood of questions takes up more than one thread each.

The answers are for the names in ALLOWED_HOSTS, as all others: a probe that comes by another name (a
container's address, say) must send one of them as its Host header, or be allowed by
CLOUDINTEL_ALLOWED_HOSTS.
"""

import logging
import threading
from collections.abc import Callable
from time import monotonic
from typing import Any

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

OK, FAILED = "ok", "failed"
WORDS = (OK, FAILED)
WITHIN_S = 3.0
"""How long the answer takes at most."""

Check = Callable[[], None]

_MESSAGE = inline_serializer(
    "Greeting", {"message": serializers.CharField(), "version": serializers.CharField()}
)
_ALIVE = inline_serializer("Alive", {"status": serializers.CharField()})


class NotReadyError(Exception):
    """Something that requests need is not there; the message is for the log."""


# --- Components ------------------------------------------------------------------------------
class _Look(threading.Thread):
    """One look at a component, in a thread of its own, with connections of its own."""

    def __init__(self, name: str, check: Check) -> None:
        super().__init__(name=f"look at {name}", daemon=True)
        self._component, self._check = name, check
        self.outcome = FAILED

    def run(self) -> None:
        """Make the check."""
        try:
            self._check()
        except (DatabaseError, redis.RedisError, NotReadyError) as error:
            logger.warning("Not ready: %s: %s: %s", self._component, type(error).__name__, error)
        except Exception:
            logger.exception("Not ready: %s", self._component)
        else:
            self.outcome = OK
        finally:
            connection.close()


class _Component:
    """Something that requests need, and the look at it that is being taken."""

    def __init__(self, name: str, check: Check) -> None:
        self.name, self._check = name, check
        self._turn = threading.Lock()
        self._look: _Look | None = None

    def look(self) -> _Look:
        """Take a look, or join the one that is being taken."""
        with self._turn:
            if self._look is None or not self._look.is_alive():
                self._look = _Look(self.name, self._check)
                self._look.start()
            return self._look


_components: dict[str, _Component] = {}


def register(name: str, check: Check) -> None:
    """Have a component looked at; the check raises where it is not as requests need it."""
    _components[name] = _Component(name, check)


def outcomes() -> dict[str, str]:
    """Look at all components at once; return `ok` or `failed` for each."""
    until = monotonic() + WITHIN_S
    looks = {name: component.look() for name, component in _components.items()}
    return {name: _outcome(name, look, until) for name, look in looks.items()}


def _outcome(name: str, look: _Look, until: float) -> str:
    look.join(max(0.0, until - monotonic()))
    if look.is_alive():
        logger.warning("Not ready: %s does not answer within %.0f s", name, WITHIN_S)
        return FAILED
    return look.outcome


def _check_database() -> None:
    """Ask the database for a sign of life. Raises: DatabaseError."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def _check_migrations() -> None:
    """Ask the database which migrations it has. Raises: DatabaseError, NotReadyError."""
    executor = MigrationExecutor(connection)
    missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if missing:
        raise NotReadyError(f"{len(missing)} migrations are not applied")


def _check_broker() -> None:
    """Ask the broker for a sign of life, once. Raises: redis.RedisError."""
    valkey.client().ping()


register("database", _check_database)
register("migrations", _check_migrations)
register("broker", _check_broker)


# --- Views -----------------------------------------------------------------------------------
_GREETING = {"message": "Cloud Resource Autoscaler API is running", "version": "1.0"}
_HEALTHY = {"status": OK, "components": dict.fromkeys(("database", "migrations", "broker", "workers"), OK)}


class ComponentsSerializer(serializers.Serializer[Any]):
    """What requests need."""

    database = serializers.ChoiceField(WORDS)
    migrations = serializers.ChoiceField(WORDS)
    broker = serializers.ChoiceField(WORDS)
    workers = serializers.ChoiceField(WORDS, help_text="Failed where work waits and nobody is there.")


class HealthSerializer(serializers.Serializer[Any]):
    """Whether requests can be served, and what they would lack."""

    status = serializers.ChoiceField(WORDS)
    components = ComponentsSerializer()


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

    @extend_schema(tags=["health"], responses=_ALIVE)
    def get(self, request: Request) -> Response:
        return Response({"status": OK})


class HealthView(AnonymousView):
    """Database, migrations, broker and workers are there: 200, else 503."""

    @extend_schema(
        tags=["health"],
        responses={200: HealthSerializer, 503: HealthSerializer},
        examples=[answered(_HEALTHY)],
    )
    def get(self, request: Request) -> Response:
        components = outcomes()
        is_ok = set(components.values()) <= {OK}
        told = {"status": OK if is_ok else FAILED, "components": components}
        return Response(told, status=200 if is_ok else 503)


message = MessageView.as_view()
livez = AliveView.as_view()
health = readyz = HealthView.as_view()
