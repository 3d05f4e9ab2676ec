"""What every endpoint shares: how JSON is read and written, how errors are told, how lists are paged."""

import logging
import math
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import orjson
from django.conf import settings
from django.core.exceptions import DisallowedHost, RequestDataTooBig
from django.core.paginator import Paginator
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.utils.functional import Promise
from rest_framework import exceptions, pagination, parsers, renderers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.settings import api_settings

from core.errors import BudgetExceededError, InvalidInputError, PermanentCloudError, TransientCloudError

logger = logging.getLogger(__name__)

MAX_JSON_DEPTH = 50
RETRY_AFTER_S = 30
"""How long a caller should wait before asking again what did not answer."""


# --- Writing ---------------------------------------------------------------------------------
class ExactJSONRenderer(renderers.JSONRenderer):
    """Writes decimals as JSON numbers with every digit they have, and times in UTC.

    A number that JSON cannot write (NaN, infinity) is null. Indentation, where asked for, is two spaces.
    """

    def render(self, data: Any, accepted_media_type: Any = None, renderer_context: Any = None) -> bytes:
        """Return the JSON, or nothing for None, which stands for an answer without content."""
        if data is None:
            return b""
        options = orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_NON_STR_KEYS
        if self.get_indent(accepted_media_type, renderer_context or {}):
            options |= orjson.OPT_INDENT_2
        return orjson.dumps(data, default=_as_json, option=options)


def _as_json(value: Any) -> Any:
    """Translate what orjson leaves to us. Raises: TypeError for what has no place in an answer."""
    if isinstance(value, Decimal):
        return orjson.Fragment(f"{value:f}") if value.is_finite() else None
    if isinstance(value, datetime):
        return _utc(value)
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, Promise):
        return str(value)
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")


def _utc(moment: datetime) -> str:
    if timezone.is_naive(moment):
        raise TypeError("A time without a zone cannot be written as JSON: it could be any moment.")
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


# --- Reading ---------------------------------------------------------------------------------
class StrictJSONParser(parsers.JSONParser):
    """Reads RFC 8259 without what nothing here can use: NUL characters and bottomless nesting."""

    renderer_class = ExactJSONRenderer

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        """Return the value in the body. Raises: ParseError."""
        try:
            value = orjson.loads(stream.read())
        except orjson.JSONDecodeError as error:
            raise exceptions.ParseError(f"The body is not valid JSON: {error}.") from error
        _refuse_unstorable(value)
        return value


def _refuse_unstorable(value: Any) -> None:
    """Look through the value level by level, so that no depth exhausts the stack. Raises: ParseError."""
    level = [value]
    for _ in range(MAX_JSON_DEPTH):
        if any(isinstance(each, str) and "\0" in each for each in level):
            raise exceptions.ParseError("The body holds a NUL character, which cannot be stored.")
        level = [child for each in level for child in _children(each)]
        if not level:
            return
    raise exceptions.ParseError(f"The body is nested more than {MAX_JSON_DEPTH} levels deep.")


def _children(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        yield from value
        yield from value.values()
    elif isinstance(value, list):
        yield from value


# --- Errors ----------------------------------------------------------------------------------
class _ToldError(exceptions.APIException):
    """An error of the project or of Django, as the API tells it."""

    def __init__(self, status: int, message: str, *, wait_s: int | None = None) -> None:
        super().__init__(message)
        self.status_code = status
        self.wait = wait_s


def exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """Answer `{"error": sentence}`, with `fields` beside it where several inputs are wrong.

    What is not known here is left to Django, which logs the traceback and calls `server_error`.
    """
    from rest_framework import views  # noqa: PLC0415 - it takes its defaults from this module as it loads

    response = views.exception_handler(_told(error), context)
    if response is not None:
        response.data = error_body(response.data)
    return response


_STATUSES = (
    (InvalidInputError, 400),
    (BudgetExceededError, 429),
    (TransientCloudError, 503),
    (PermanentCloudError, 502),
)
"""Read from top to bottom: a budget exceeded is a permanent error, too."""


def _told(error: Exception) -> Exception:
    """Return the error as one that DRF can answer with, where it is not one already."""
    if isinstance(error, exceptions.NotAuthenticated):
        error.detail = exceptions.ErrorDetail("Token is missing", error.default_code)
    if isinstance(error, TransientCloudError | PermanentCloudError):
        logger.warning("%s: %s", type(error).__name__, error)
    if isinstance(error, OperationalError | InterfaceError):
        logger.error("The database does not answer: %s", error)
        return _ToldError(503, "The database does not answer; try again shortly.", wait_s=RETRY_AFTER_S)
    for kind, status in _STATUSES:
        if isinstance(error, kind):
            return _ToldError(status, str(error), wait_s=_wait_s(error))
    return error


def _wait_s(error: Exception) -> int | None:
    if isinstance(error, BudgetExceededError):
        return _seconds_to_midnight()
    return RETRY_AFTER_S if isinstance(error, TransientCloudError) else None


def _seconds_to_midnight() -> int:
    """Return how long the running UTC day, and the budget of it, still last."""
    now = datetime.now(UTC)
    midnight = datetime.combine(now.date() + timedelta(days=1), time(), UTC)
    return math.ceil((midnight - now).total_seconds())


def error_body(detail: Any) -> dict[str, Any]:
    """Return the body for the nested details of an exception of DRF's."""
    if isinstance(detail, dict) and not detail.keys() <= _UNNAMED:
        return {"error": _sentence(detail), "fields": detail}
    return {"error": _sentence(detail)}


_UNNAMED = {"detail", api_settings.NON_FIELD_ERRORS_KEY}


def _sentence(detail: Any) -> str:
    """Join nested details to one text, each with the name of what it is about in front."""
    if isinstance(detail, dict):
        told = {str(key): _sentence(value) for key, value in detail.items() if value}
        return " ".join(text if key in _UNNAMED else f"{key}: {text}" for key, text in told.items())
    if isinstance(detail, list):
        return " ".join(_sentence(each) for each in detail if each)
    return str(detail)


def too_large_message() -> str:
    """Say how much a body may hold."""
    return f"The body is larger than the {settings.DATA_UPLOAD_MAX_MEMORY_SIZE:,} bytes that are accepted."


def error_response(status: int, message: str) -> JsonResponse:
    """Answer outside the API's views, in the form of those inside."""
    return JsonResponse({"error": message}, status=status)


def bad_request(request: HttpRequest, exception: Exception) -> JsonResponse:  # noqa: ARG001 - Django's signature
    """Answer what Django refuses before a view sees it (its handler400)."""
    if isinstance(exception, RequestDataTooBig):
        return error_response(413, too_large_message())
    if isinstance(exception, DisallowedHost):
        return error_response(400, "This host name is not among those that the server answers to.")
    return error_response(400, "Bad request")


def permission_denied(request: HttpRequest, exception: Exception) -> JsonResponse:  # noqa: ARG001 - Django's signature
    """Answer a refusal outside the API's views (Django's handler403)."""
    return error_response(403, "Permission denied")


def csrf_failure(request: HttpRequest, reason: str = "") -> JsonResponse:  # noqa: ARG001 - Django's signature
    """Answer a form or a session's request without its CSRF token (Django's CSRF_FAILURE_VIEW)."""
    return error_response(403, f"CSRF verification failed: {reason}")


def not_found(request: HttpRequest, exception: Exception) -> JsonResponse:  # noqa: ARG001 - Django's signature
    """Answer an unknown route (Django's handler404)."""
    return error_response(404, "Not found")


def server_error(request: HttpRequest) -> JsonResponse:  # noqa: ARG001 - Django's signature
    """Answer after an unforeseen exception, which Django has logged (its handler500)."""
    return error_response(500, "Internal server error")


# --- Lists -----------------------------------------------------------------------------------
class Pagination(pagination.PageNumberPagination):
    """Pages by number, 100 rows each or `page_size` (1000 at most, larger wishes get that many)."""

    page_size = 100
    page_size_query_param = "page_size"
    max_page_size = 1000
    invalid_page_message = "There is no page {page_number}."

    def get_page_size(self, request: Request) -> int:
        """Return the wished size. Raises: ValidationError for anything but a positive whole number."""
        if self.page_size_query_param not in request.query_params:
            return self.page_size
        return min(_positive(request, self.page_size_query_param), self.max_page_size)

    def get_page_number(self, request: Request, paginator: "Paginator[Any]") -> int:
        """Return the wished page. Raises: ValidationError, and NotFound beyond the last page."""
        if self.page_query_param not in request.query_params:
            return 1
        if request.query_params[self.page_query_param] in self.last_page_strings:
            return int(paginator.num_pages)
        return _positive(request, self.page_query_param)


def _positive(request: Request, name: str) -> int:
    try:
        number = int(request.query_params[name])
    except ValueError:
        number = 0
    if number < 1:
        raise exceptions.ValidationError({name: ["This must be a whole number of at least 1."]})
    return number
