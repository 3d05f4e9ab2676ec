"""What the URL conf serves: every method of every route, each route written as its address."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from django.urls import URLPattern, URLResolver, get_resolver
from django.utils.regex_helper import normalize

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


class Route(NamedTuple):
    """One method of an address, with `{name}` for what the address is made of."""

    method: str
    address: str


def served() -> set[Route]:
    """Return all routes. OPTIONS and HEAD are not among them: each route that answers GET has them."""
    return {Route(method, address) for address, view in _addresses() for method in _methods(view)}


def _addresses() -> Iterator[tuple[str, Callable[..., object]]]:
    return _below(get_resolver(), "/")


def _below(resolver: URLResolver, before: str) -> Iterator[tuple[str, Callable[..., object]]]:
    for pattern in resolver.url_patterns:
        for address in _written(pattern):
            if isinstance(pattern, URLResolver):
                yield from _below(pattern, before + address)
            else:
                yield before + address, pattern.callback


def _written(pattern: URLPattern | URLResolver) -> Iterator[str]:
    """Write the pattern's part of an address, as Django does when it reverses one."""
    for template, names in normalize(pattern.pattern.regex.pattern):
        yield template % {name: f"{{{name}}}" for name in names}


def _methods(view: Callable[..., object]) -> list[str]:
    """Return what the view answers; that is all there is for a plain function, which may look for itself."""
    if actions := getattr(view, "actions", None):
        return [method.upper() for method in actions if method.upper() in METHODS]
    of_class = getattr(view, "cls", None) or getattr(view, "view_class", None)
    return [method for method in METHODS if of_class is None or _serves(of_class, method.lower())]


def _serves(view: type, method: str) -> bool:
    return hasattr(view, method) and method in view.http_method_names
