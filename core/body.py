"""Bodies of requests."""

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.serializers import BaseSerializer

from core.errors import InvalidInputError


class StrictSerializer(serializers.Serializer[Any]):
    """Refuses keys that would not be heeded: misspelt, `dry_run` would else be no dry run."""

    def to_internal_value(self, data: Any) -> Any:
        """Return the values. Raises: serializers.ValidationError, also for keys that cannot be written."""
        if isinstance(data, Mapping):
            known = {name for name, field in self.fields.items() if not field.read_only}
            names = ", ".join(sorted(known))
            why = [f"Unknown key; known are: {names}."]
            if strange := [str(name)[:100] for name in data if name not in known]:
                raise serializers.ValidationError(dict.fromkeys(strange, why))
        return super().to_internal_value(data)


class YesNoField(serializers.BooleanField):
    """A JSON boolean; no other word for yes or no is one."""

    # A form without the field says nothing: HTML's own rule would take it for a box left unticked.
    default_empty_html = serializers.empty

    def to_internal_value(self, data: Any) -> bool:
        """Return the boolean. Raises: ValidationError."""
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


def given(serializer: type[BaseSerializer[Any]], request: Request) -> dict[str, Any]:
    """Return the body's values. Raises: ValidationError."""
    body = serializer(data=request.data, context={"request": request})
    body.is_valid(raise_exception=True)
    return dict(body.validated_data)


def refuse_body(request: Request) -> None:
    """Accept no body, or an object without anything in it. Raises: InvalidInputError, ParseError."""
    if request.data != {}:
        raise InvalidInputError("This takes no body.")
