"""What the pages are made of: a page, its parts that follow what happens, and what operators do from it."""

from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render, resolve_url
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.generic import View
from rest_framework.exceptions import APIException
from rest_framework.permissions import BasePermission

from accounts.permissions import IsOperator, IsViewer, Role, asking, has_role
from core.errors import CloudIntelError
from dashboard.middleware import message_of


class ForUsers(View):
    """Lets in who is logged in and may; sends others to the login, or tells what role they lack."""

    permission: type[BasePermission] = IsViewer
    """One of accounts.permissions, as the API's view of the same thing has it."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Raises: PermissionDenied."""
        if not request.user.is_authenticated:
            return _to_login(request)
        rule = self.permission()
        if not rule.has_permission(request, self):  # type: ignore[arg-type]  # they ask for the user alone
            raise PermissionDenied(getattr(rule, "message", None) or "You may not do that.")
        return super().dispatch(request, *args, **kwargs)


def _to_login(request: HttpRequest) -> HttpResponse:
    """Send to the login and back; a part that is asked for by itself sends its whole page there."""
    if not is_part(request):
        return redirect_to_login(request.get_full_path())
    address = redirect_to_login(request.get_full_path()).headers["Location"]
    return HttpResponse(status=204, headers={"HX-Redirect": address})


def is_part(request: HttpRequest) -> bool:
    """Tell whether htmx asks for a part of a page."""
    return "HX-Request" in request.headers


class Page(ForUsers):
    """A page that is looked at; GET alone.

    `parts` are what htmx asks for again: the id of the element that is filled anew, and the template of what
    it is filled with. `status` is the answer's; a page whose address holds bad values sets 400.
    """

    title: str
    template_name: str
    parts: Mapping[str, str] = {}
    status = 200

    def get(self, request: HttpRequest, **_kwargs: Any) -> HttpResponse:
        """Show the page, or the part of it that is asked for."""
        part = self.parts.get(request.headers.get("HX-Target", "")) if is_part(request) else None
        told = self.part_context(request.headers["HX-Target"]) if part else self.context()
        return self.shown(told, part or self.template_name)

    def shown(self, told: Mapping[str, Any], template: str | None = None) -> HttpResponse:
        """Write the page, or the template of a part, with what is told."""
        shared = {"title": self.title, "may_operate": has_role(asking(self.request), Role.OPERATOR)}
        return render(self.request, template or self.template_name, {**shared, **told}, status=self.status)

    def context(self) -> dict[str, Any]:
        """Return what the page shows."""
        return {}

    def part_context(self, part: str) -> dict[str, Any]:
        """Return what a part shows; a page whose parts need less than all of it says so here."""
        return self.context()


class Action(ForUsers):
    """Something that operators do from a page: POST alone, by a form with its CSRF token.

    What was done, or why it was not, is told on the page that is returned to: the form's `next`, else `back`.
    To htmx it is told alone, so that the page stays as it is.
    """

    permission: type[BasePermission] = IsOperator
    back: str
    """The name of the page to return to, such as dashboard:alerts."""
    failed = False

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        try:
            messages.success(request, self.act(**kwargs))
        except (CloudIntelError, APIException) as error:
            messages.error(request, message_of(error))
            self.failed = True
        if is_part(request):
            return render(request, "dashboard/parts/messages.html")
        return HttpResponseRedirect(self._next(request), status=303)

    def act(self, **_kwargs: Any) -> str:
        """Call the service that the API calls; return the sentence that tells of it.

        Raises: CloudIntelError or APIException, whose sentence is told instead; Http404.
        """
        raise NotImplementedError

    def _next(self, request: HttpRequest) -> str:
        wanted = request.POST.get("next", "")
        own = url_has_allowed_host_and_scheme(
            wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()
        )
        return wanted if own else resolve_url(self.back)
