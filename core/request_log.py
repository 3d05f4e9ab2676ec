"""What is logged of each request: its id, which the answer carries, the address, and who asked."""

import re
import uuid

import structlog
from django.http import HttpRequest, HttpResponse
from django.utils.functional import SimpleLazyObject
from django_structlog.middlewares import RequestMiddleware

_REQUEST_ID = re.compile(r"[\w.:/+=-]{1,100}", re.ASCII)
_FIELD = "HTTP_X_REQUEST_ID"


class RequestLogMiddleware(RequestMiddleware):
    """Binds the request's context for whatever is logged meanwhile; comes before all other middleware."""

    def prepare(self, request: HttpRequest) -> None:
        """Take the id that the request brings, where it is a plain name, else make one."""
        if not _REQUEST_ID.fullmatch(request.META.get(_FIELD, "")):
            request.META[_FIELD] = str(uuid.uuid4())
        super().prepare(request)

    def handle_response(self, request: HttpRequest, response: HttpResponse) -> None:
        """Return the id with the answer."""
        response.headers["X-Request-ID"] = request.META[_FIELD]
        super().handle_response(request, response)

    @staticmethod
    def bind_user_id(request: HttpRequest) -> None:
        """Note who asked, as far as that is known by now: nobody is looked up for the log's sake."""
        user = request.__dict__.get("user")
        if isinstance(user, SimpleLazyObject):
            user = request.__dict__.get("_cached_user")
        if (key := getattr(user, "pk", None)) is not None:
            structlog.contextvars.bind_contextvars(user_id=str(key))

    @staticmethod
    def format_request(request: HttpRequest) -> str:
        """Name method and path; a query string may hold what is nobody else's business."""
        return f"{request.method} {request.path}"
