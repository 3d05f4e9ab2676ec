"""What every request passes before a route is looked up."""

from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import is_valid_path

from core.api import error_response, too_large_message

Handler = Callable[[HttpRequest], HttpResponse]


class Readable(Protocol):
    """What bytes are read from."""

    def read(self, size: int, /) -> bytes: ...


_CHUNK = 64 * 1024
_DRAINED_AT_MOST = 32 * 1024 * 1024


class RequestLimitsMiddleware:
    """Refuses what no route can use: bodies that are too large or of unknown length, and NUL characters.

    A refused body is read to its end and thrown away piece by piece: a server that closes the connection
    while the client still sends makes the client see a broken connection instead of the answer.
    """

    def __init__(self, get_response: Handler) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return _refuse_body(request) or _refuse_nul(request) or self._get_response(request)


def _refuse_body(request: HttpRequest) -> HttpResponse | None:
    """Return the refusal of a body over the limit, told by its length where that is announced."""
    limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    if "chunked" in request.headers.get("Transfer-Encoding", "").lower():
        if _drain(request.META["wsgi.input"]) <= limit:
            return error_response(
                411, "Send the body with a Content-Length; chunked bodies are not accepted."
            )
    elif _announced_length(request) <= limit:
        return None
    else:
        _drain(request)
    return error_response(413, too_large_message())


def _announced_length(request: HttpRequest) -> int:
    length = request.headers.get("Content-Length") or "0"
    return int(length) if length.isdecimal() else 0


def _drain(stream: Readable) -> int:
    """Read and forget what the client sends, within reason; return how much that was."""
    drained = 0
    with suppress(OSError):  # the client left: the answer reaches nobody anyway
        while drained < _DRAINED_AT_MOST and (chunk := stream.read(_CHUNK)):
            drained += len(chunk)
    return drained


def _refuse_nul(request: HttpRequest) -> HttpResponse | None:
    """Return the refusal of a NUL in the address: PostgreSQL cannot store one, so nothing can match it."""
    if "\0" in request.path_info or "%00" in request.META.get("QUERY_STRING", ""):
        return error_response(400, "The address holds a NUL character, which nothing here contains.")
    return None


class OptionalSlashMiddleware:
    """Answers each route with and without its trailing slash, without a redirect, which would lose a body.

    An address that resolves is left alone: so are the admin's own, which match all that begins with /admin/.
    """

    def __init__(self, get_response: Handler) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        path = request.path_info
        other = path[:-1] if path.endswith("/") else f"{path}/"
        if not is_valid_path(path) and other and is_valid_path(other):
            request.path_info = other
        return self._get_response(request)
