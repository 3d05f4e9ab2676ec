"""What a caller may ask of the daily run: of which days, from which sources, and whether to validate."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

from rest_framework import serializers

from core.body import StrictSerializer, YesNoField
from core.errors import InvalidInputError
from core.period import LONGEST_DAYS, Period
from core.query import DayField
from pipelines import registry
from pipelines.params import DAILY, sources_among


class SourcesField(serializers.ListField):
    """Some of the sources of a pipeline, each once, in the order in which they are collected."""

    child = serializers.CharField()

    def __init__(self, pipeline: str, **kwargs: Any) -> None:
        super().__init__(required=False, allow_empty=False, **kwargs)
        self._pipeline = pipeline

    def to_internal_value(self, data: Any) -> list[str]:
        """Return them. Raises: serializers.ValidationError, also naming one that there is not."""
        wanted = super().to_internal_value(data)
        known = sources_among(registry.get(self._pipeline).children)
        if unknown := [source for source in wanted if source not in known]:
            names = ", ".join(known)
            raise serializers.ValidationError(f"There is no source {unknown[0]!r}; the sources are {names}.")
        return [source for source in known if source in wanted]


class OrderSerializer(StrictSerializer):
    """The body of an order; all of it may be left out, and so may the body."""

    start_date = DayField(required=False, help_text="First day, UTC.")
    end_date = DayField(
        required=False, help_text="The day after the last one, UTC (exclusive); today where it is left out."
    )
    sources = SourcesField(
        DAILY,
        help_text="Of ec2, cost, cpu and billing; everything where it is left out.",
    )
    validate = YesNoField(  # type: ignore[assignment]  # DRF takes fields out of the class
        default=True, help_text="Judge the quality of the data afterwards."
    )


def params(order: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """Return what the ledger keeps of an order: what was asked for, and nothing else.

    Raises: InvalidInputError for days that are none to collect.
    """
    period = _period(order.get("start_date"), order.get("end_date"), now.astimezone(UTC).date())
    asked: dict[str, Any] = {}
    if period is not None:
        asked |= {"start": period.start.isoformat(), "end": period.end.isoformat()}
    if "sources" in order:
        asked["sources"] = order["sources"]
    return asked if order["validate"] else {**asked, "validate": False}


def _period(start: date | None, end: date | None, today: date) -> Period | None:
    """Return the days; None for none in particular. Raises: InvalidInputError."""
    if start is None and end is None:
        return None
    if start is None:
        raise InvalidInputError("end_date needs a start_date beside it.")
    if start > today:
        raise InvalidInputError(f"start_date ({start}) lies in the future; today is {today} (UTC).")
    period = Period(start, end or today)
    if period.days <= 0:
        raise InvalidInputError(
            f"start_date ({start}) must be before end_date ({period.end}), which is exclusive."
        )
    if period.days > LONGEST_DAYS:
        raise InvalidInputError(
            f"From start_date to end_date are {period.days} days; ask for {LONGEST_DAYS} at most."
        )
    return period
