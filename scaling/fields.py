"""Fields of the autoscaler's API: JSON types are taken at their word."""

import math
import re
from typing import Any

from rest_framework import serializers

_LARGEST_EXACT = 2**53


def whole(number: float | None) -> float | None:
    """Return an integer where the number is one, so that bytes are written without a decimal point."""
    exact = number is not None and number.is_integer() and abs(number) <= _LARGEST_EXACT
    return int(number) if number is not None and exact else number


class BytesField(serializers.FloatField):
    """A number of bytes, an integer where it is whole."""

    def to_representation(self, value: float) -> Any:
        return whole(float(value))


class NumberField(serializers.FloatField):
    """A finite JSON number; a string or a boolean is none."""

    def to_internal_value(self, data: Any) -> float:
        """Return the number. Raises: ValidationError."""
        if isinstance(data, bool) or not isinstance(data, int | float) or not math.isfinite(data):
            self.fail("invalid")
        return float(data)


class FiniteField(serializers.FloatField):
    """A finite number in a query string."""

    def to_internal_value(self, data: Any) -> float:
        """Return the number. Raises: ValidationError."""
        value = super().to_internal_value(data)
        if not math.isfinite(value):
            self.fail("invalid")
        return value


class WholeNumberField(serializers.IntegerField):
    """A JSON number without a fraction."""

    def to_internal_value(self, data: Any) -> int:
        """Return the number. Raises: ValidationError."""
        if isinstance(data, bool) or not isinstance(data, int | float) or data != data // 1:
            self.fail("invalid")
        return int(data)


class ExactChoiceField(serializers.ChoiceField):
    """One of the choices, of their JSON type."""

    def to_internal_value(self, data: Any) -> Any:
        """Return the choice. Raises: ValidationError."""
        if type(data) not in {type(choice) for choice in self.choices} or data not in self.choices:
            self.fail("invalid_choice", input=data)
        return data


class LimitField(serializers.IntegerField):
    """How many rows to answer with, in a query string: digits and nothing else."""

    MOST = 1000
    default_error_messages = {"limit": f"This must be a whole number from 1 to {MOST}."}

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("help_text", "The newest so many.")
        super().__init__(min_value=1, max_value=self.MOST, **kwargs)

    def to_internal_value(self, data: Any) -> int:
        """Return the number. Raises: ValidationError."""
        if not re.fullmatch("[0-9]{1,4}", data) or not 1 <= int(data) <= self.MOST:
            self.fail("limit")
        return int(data)
