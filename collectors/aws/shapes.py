"""What the fast parsers share: the way they are made from a shape, and how they decline."""

from collections.abc import Callable
from typing import Any

Parser = Callable[[bytes], tuple[dict[str, Any], bytes]]
"""From an answer's body to its members, and to the body that is left for botocore's parser."""


class UnknownShapeError(ValueError):
    """The shape, or the answer, is not of the kind that a parser was made for."""
