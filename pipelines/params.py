"""What a run may be asked for, and what that means for the runs that it consists of."""

from collections.abc import Mapping, Sequence
from typing import Any

from core.errors import InvalidInputError

DAILY = "daily"
"""The pipeline that collects everything each day."""

INTELLIGENCE = "intelligence"
"""The pipeline that computes what is forecast, found and recommended from what was collected."""

VALIDATION = "quality"
"""The child that judges what the others brought home; it is no source."""


def sources_among(children: Sequence[str]) -> list[str]:
    """Return the children that bring something home."""
    return [child for child in children if child != VALIDATION]


def chosen(children: Sequence[str], params: Mapping[str, Any]) -> list[str]:
    """Return the children that are wanted, in their order.

    Raises: InvalidInputError for a source that is none of them, and where nothing is left.
    """
    sources = sources_among(children)
    wanted = params.get("sources", sources)
    if unknown := [source for source in wanted if source not in sources]:
        known = ", ".join(sources)
        raise InvalidInputError(f"There is no source {unknown[0]!r} here; the sources are {known}.")
    validates = params.get("validate") is not False
    found = [child for child in children if child in wanted or (child == VALIDATION and validates)]
    if children and not found:
        raise InvalidInputError("Nothing is left to be done: no source, and no validation.")
    return found


def scope_of_children(scope: str, params: Mapping[str, Any]) -> str:
    """Return the scope of the children: their days, so that they join no collection of others."""
    return f"{params['start']}..{params['end']}" if {"start", "end"} <= params.keys() else scope
