"""Query strings, read strictly: what is unknown, repeated or malformed is refused by its name."""

from collections.abc import Collection
from datetime import date
from typing import Any

from django.http import QueryDict
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.settings import api_settings

from core.errors import InvalidInputError
from core.period import parse_day


def refuse_strange(params: QueryDict, *, known: Collection[str]) -> None:
    """Accept each known parameter once, and `format`. Raises: serializers.ValidationError."""
    known = {*known, str(api_settings.URL_FORMAT_OVERRIDE)}
    for name, values in params.lists():
        if name not in known:
            names = ", ".join(sorted(known))
            raise serializers.ValidationError({name[:100]: [f"Unknown parameter; known are: {names}."]})
        if len(values) > 1:
            raise serializers.ValidationError({name: ["Give this parameter once."]})


class DayField(serializers.DateField):
    """A day, YYYY-MM-DD."""

    def to_internal_value(self, value: Any) -> date:
        try:
            return parse_day(str(value))
        except InvalidInputError as error:
            raise serializers.ValidationError(str(error)) from error


class AmountField(serializers.DecimalField):
    """An amount of money as an exact number, with every digit that is stored."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_digits=None, decimal_places=None, coerce_to_string=False, **kwargs)


class ErrorSerializer(serializers.Serializer[Any]):
    """Why a request was not answered."""

    error = serializers.CharField()


class Query(serializers.Serializer[Any]):
    """The parameters of a query string, and the schema of them."""

    @classmethod
    def read(cls, request: Request) -> dict[str, Any]:
        """Return the values that were given. Raises: serializers.ValidationError."""
        query = cls(data=request.query_params.dict())
        refuse_strange(request.query_params, known=query.fields)
        query.is_valid(raise_exception=True)
        return dict(query.validated_data)


class PeriodQuery(Query):
    """A range of days."""

    start = DayField(required=False, help_text="First day, UTC.")
    end = DayField(required=False, help_text="The day after the last one, UTC (exclusive).")
