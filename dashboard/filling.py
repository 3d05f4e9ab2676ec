"""Forms that people fill in, as the bodies that the API takes: what is typed becomes the type it stands for.

What cannot be read stays as it was typed, so that the API's own validation refuses it in its own words.
"""

import math
from collections.abc import Mapping
from typing import Any

from rest_framework import serializers


def body(serializer: type[serializers.BaseSerializer[Any]], typed: Mapping[str, str]) -> dict[str, Any]:
    """Return the values of the serializer's fields that were typed; empty ones are null where that may be.

    Empty fields that may not be null are left out, unless they may be empty.
    """
    shape = serializer()
    if not isinstance(shape, serializers.Serializer):
        raise TypeError(f"{serializer.__name__} has no fields.")
    writable = {name: field for name, field in shape.fields.items() if not field.read_only and name in typed}
    values = {name: _value(field, typed[name].strip()) for name, field in writable.items()}
    return {name: value for name, value in values.items() if value is not serializers.empty}


def _value(field: serializers.Field[Any, Any, Any, Any], text: str) -> Any:
    if not text:
        return _nothing(field)
    if isinstance(field, serializers.BooleanField):
        return {"true": True, "false": False}.get(text, text)
    if isinstance(field, serializers.FloatField | serializers.IntegerField):
        return _number(text)
    if isinstance(field, serializers.ChoiceField) and not isinstance(next(iter(field.choices)), str):
        return _number(text)
    return text


def _nothing(field: serializers.Field[Any, Any, Any, Any]) -> Any:
    if field.allow_null:
        return None
    return "" if getattr(field, "allow_blank", False) else serializers.empty


def _number(text: str) -> Any:
    """Return the number that a text stands for, whole if it is; else the text."""
    try:
        number = float(text)
    except ValueError:
        return text
    if not math.isfinite(number):
        return text
    return int(number) if number.is_integer() else number
