"""The endpoint: one WSGI application for EC2, STS, CloudWatch and Cost Explorer, and the server around it."""

import io
import logging
import signal
import socket
import threading
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import orjson
from werkzeug import Request, Response
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from democloud import cloudwatch, costexplorer, exports, sts
from democloud.ec2 import Ec2
from democloud.estate import Account, Estate
from democloud.protocol import AwsError, Json, Scope, error_answer, json_answer
from democloud.world import World

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

logger = logging.getLogger("democloud")

_BAD_REQUEST = 400


def utc_now() -> datetime:
    """Return the present moment."""
    return datetime.now(UTC)


class Deliveries:
    """Brings the billing files of the data folder up to date, once a day."""

    def __init__(self, estate: Estate, home: Path) -> None:
        self._estate, self._home = estate, home
        self._last: date | None = None
        self._turn = threading.Lock()

    def make(self, today: date) -> None:
        """Deliver what the day before cost, unless that was done."""
        with self._turn:
            if today != self._last:
                exports.write(self._estate, self._home, today)
                self._last = today


class DemoCloud:
    """The application around a world; the handlers are pure, so the clock is read here."""

    def __init__(
        self, world: World, deliveries: Deliveries, *, groups_per_page: int = costexplorer.GROUPS_PER_PAGE
    ) -> None:
        self._world = world
        self._deliveries = deliveries
        self._groups_per_page = groups_per_page
        self._ec2 = Ec2(world)

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Answer one request."""
        return self._respond(Request(environ))(environ, start_response)

    def _respond(self, request: Request) -> Response:
        if (request.method, request.path) == ("GET", "/livez"):
            return Response("ready\n", content_type="text/plain")
        # Read once and put back, so that moto can read the body too.
        request.environ["wsgi.input"] = io.BytesIO(request.get_data())
        try:
            answer = self._answer(request)
        except AwsError as error:
            answer = error_answer(error, request)
        if answer.status_code >= _BAD_REQUEST:
            logger.warning(
                "%s refused: %s", _operation(request), " ".join(answer.get_data(as_text=True).split())
            )
        return answer

    def _answer(self, request: Request) -> Response:
        scope = Scope.of(request)
        account = sts.account_of(scope)
        if scope.service == "ec2":
            return self._ec2.answer(request, account)
        if scope.service == "sts":
            return sts.answer(request, scope, now=utc_now())
        operation = self._json_operations(account, scope).get(_operation(request))
        if operation is None:
            raise AwsError(
                "UnknownOperationException", f"The demo cloud has no {scope.service} {_operation(request)}"
            )
        return json_answer(operation(_json_body(request), now=utc_now()), request)

    def _json_operations(self, account: Account, scope: Scope) -> dict[str, Callable[..., Json]]:
        """Return what is answered in the JSON protocol, by target."""
        series = self._world.series_of(account.account_id, scope.region)
        return {
            "AWSInsightsIndexService.GetCostAndUsage": partial(self._costs, account),
            "GraniteServiceVersion20100801.GetMetricData": partial(cloudwatch.get_metric_data, series),
            "GraniteServiceVersion20100801.ListMetrics": partial(cloudwatch.list_metrics, series),
        }

    def _costs(self, account: Account, request: Json, *, now: datetime) -> Json:
        """Answer what things cost, once the files tell of the same days."""
        self._deliveries.make(now.date())
        return costexplorer.get_cost_and_usage(
            self._world.estate, account.account_id, request, now=now, groups_per_page=self._groups_per_page
        )


def _operation(request: Request) -> str:
    return request.headers.get("X-Amz-Target") or request.form.get("Action") or request.path


def _json_body(request: Request) -> Json:
    try:
        body: Any = orjson.loads(request.get_data())
    except orjson.JSONDecodeError as error:
        raise AwsError("SerializationException", "The body is not JSON") from error
    if not isinstance(body, dict):
        raise AwsError("SerializationException", "The body is not a JSON object")
    return body


class _QuietHandler(WSGIRequestHandler):
    """Logs no request; the application logs what it refuses."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Keep quiet."""


def bind(address: str, port: int) -> socket.socket:
    """Take the port; port 0 takes any that is free.

    Raises: OSError when it is in use.
    """
    return socket.create_server((address, port))


def make(application: DemoCloud, listener: socket.socket) -> BaseWSGIServer:
    """Return a threaded server that listens on the socket."""
    address, port = listener.getsockname()[:2]
    return make_server(
        address, port, application, threaded=True, request_handler=_QuietHandler, fd=listener.fileno()
    )


def stop_on_signals() -> None:
    """Have SIGTERM and SIGINT end the process at once; requests under way are cut off."""
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, _stop)


def _stop(_signal: int, _frame: FrameType | None) -> None:
    raise SystemExit(0)
