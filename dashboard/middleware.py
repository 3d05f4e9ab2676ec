"""What all pages answer alike, errors included: what browsers may load, and how refusals look.

Comes before the middleware that records refusals, so that it hears of them after that one.
"""

from collections.abc import Callable
from http import HTTPStatus

import orjson
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from rest_framework.exceptions import APIException

from core.api import error_body, exception_handler

APP = "dashboard"
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "font-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
_TITLES = {
    400: "That cannot be read",
    403: "Not for you",
    404: "Nothing here",
    409: "It has moved on",
    429: "Wait a little",
    500: "Something went wrong",
    503: "Try again shortly",
}


class PageMiddleware:
    """Gives the dashboard's pages their policy, and makes pages of the errors that others write as JSON."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self._get_response(request)
        if not is_page(request):
            return response
        if response.status_code >= HTTPStatus.BAD_REQUEST and _is_json(response):
            response = _page_of(request, response)
        response.headers["Content-Security-Policy"] = POLICY
        response.headers.setdefault("Cache-Control", "no-store, private")
        return response

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Tell on a page what the API would tell as JSON; what nobody foresaw is left to Django."""
        if not is_page(request):
            return None
        if isinstance(error, PermissionDenied):
            return error_page(request, 403, str(error) or "You may not do that.")
        if isinstance(error, Http404):
            return error_page(request, 404, "There is no such page, or what it was about is gone.")
        told = exception_handler(error, {})
        return None if told is None else error_page(request, told.status_code, told.data["error"])


def is_page(request: HttpRequest) -> bool:
    """Tell whether the request is for a page of the dashboard, as far as it got."""
    return request.resolver_match is not None and request.resolver_match.app_name == APP


def error_page(request: HttpRequest, status: int, message: str) -> HttpResponse:
    """Return a page that says what went wrong; without the database, it asks nothing of it."""
    context = {
        "title": _TITLES.get(status, HTTPStatus(status).phrase),
        "message": message,
        "status": status,
        "bare": status >= HTTPStatus.INTERNAL_SERVER_ERROR,
    }
    return render(request, "dashboard/error.html", context, status=status)


def message_of(error: Exception) -> str:
    """Return what an error of the project, or of the API, says."""
    return str(error_body(error.detail)["error"]) if isinstance(error, APIException) else str(error)


def _is_json(response: HttpResponse) -> bool:
    return response.headers.get("Content-Type", "").startswith("application/json")


def _page_of(request: HttpRequest, refusal: HttpResponse) -> HttpResponse:
    page = error_page(request, refusal.status_code, orjson.loads(refusal.content)["error"])
    if "Retry-After" in refusal.headers:
        page.headers["Retry-After"] = refusal.headers["Retry-After"]
    return page
