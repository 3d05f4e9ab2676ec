"""Moments as the autoscaler's API writes them: UTC, to the microsecond, without a zone."""

from datetime import UTC, datetime

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers


def written(moment: datetime) -> str:
    """Write a moment."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds")


# Not a date-time of OpenAPI, which has a zone.
@extend_schema_field(
    {
        "type": "string",
        "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}$",
        "example": "2026-01-22T05:16:25.123456",
        "description": "UTC, written without a zone.",
    }
)
class MomentField(serializers.ReadOnlyField):
    """A moment that is only shown."""

    def to_representation(self, value: datetime) -> str:
        return written(value)
