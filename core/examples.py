"""Examples in the OpenAPI schema."""

from typing import Any

from drf_spectacular.utils import OpenApiExample


def answered(value: dict[str, Any], status: int = 200, name: str = "Answer") -> OpenApiExample:
    """Return an example of what is answered."""
    return OpenApiExample(name, value, response_only=True, status_codes=[str(status)])
