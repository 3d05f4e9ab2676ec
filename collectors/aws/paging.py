"""One page at a time: the token that asks for a page, and the one that its answer gives for the next."""

from collections.abc import Mapping
from typing import Any

from collectors.aws.errors import torn


def asked_with(token: str | None) -> dict[str, str]:
    """Return the parameter that asks for a page; None is the first."""
    return {"NextToken": token} if token else {}


def next_token(page: Mapping[str, Any], token: str | None, what: str) -> str | None:
    """Return the next page's token, None after the last page; `token` is what this one was asked with.

    Raises: TransientCloudError where both are the same, which would be followed for ever.
    """
    following: str | None = page.get("NextToken") or None
    if following and following == token:
        raise torn(what, "the token that it was asked with")
    return following
