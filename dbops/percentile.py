"""Percentiles, which PostgreSQL computes and Django has no name for."""

from typing import Any

from django.db.models import Aggregate, FloatField


class Percentile(Aggregate):
    """The value below which that share of the values is, between them in a straight line; null of none."""

    function = "PERCENTILE_CONT"
    template = "%(function)s(%(share)s) WITHIN GROUP (ORDER BY %(expressions)s)"
    name = "Percentile"

    def __init__(self, expression: str, *, share: float, **extra: Any) -> None:
        super().__init__(expression, output_field=FloatField(), share=float(share), **extra)
