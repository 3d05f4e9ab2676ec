"""Bodies of requests."""

from typing import Any

from rest_framework.request import Request
from rest_framework.serializers import BaseSerializer


def given(serializer: type[BaseSerializer[Any]], request: Request) -> dict[str, Any]:
    """Return the body's values. Raises: ValidationError."""
    body = serializer(data=request.data, context={"request": request})
    body.is_valid(raise_exception=True)
    return dict(body.validated_data)
