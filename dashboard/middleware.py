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
ELSEWHERE = ("/api/", "/admin/", "/static/")
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
    405: "Not like this",
    409: "It has moved on",
    429: "Wait a little",
    500: "Something went wrong",
    503: "Try again shortly",
}


_KEPT = ("Retry-After", "Allow")
"""What an answer that becomes a page keeps saying."""


class PageMiddleware:
    """Gives the dashboard's pages their policy, and makes pages of the errors that others write as JSON."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self._get_response(request)
        if not (is_page(request) or _is_astray(request)):
            return response
        if response.status_code >= HTTPStatus.BAD_REQUEST and (_is_json(response) or not response.content):
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


def _is_astray(request: HttpRequest) -> bool:
    """Tell whether a browser asks for an address that nothing is at; those of the API answer as it does."""
    if request.resolver_match is not None or request.path.startswith(ELSEWHERE):
        return False
    return request.method == "GET" and "text/html" in request.headers.get("Accept", "")


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
    page = error_page(request, refusal.status_code, _said(refusal))
    for name in _KEPT:
        if name in refusal.headers:
            page.headers[name] = refusal.headers[name]
    return page


def _said(refusal: HttpResponse) -> str:
    """Return why it was refused, as far as that was said; an address is nothing to send to, for one."""
    if refusal.content:
        return str(orjson.loads(refusal.content)["error"])
    return f"{HTTPStatus(refusal.status_code).phrase}: this address is asked in another way."
