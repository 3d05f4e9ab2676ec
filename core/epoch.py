"""Moments as PostgreSQL and numpy hold them: microseconds since 2000-01-01 UTC."""

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def microseconds(moment: datetime) -> int:
    """Count them up to a moment."""
    return (moment - _EPOCH) // _MICROSECOND


def moment(time_us: int) -> datetime:
    """Return the moment, in UTC."""
    return _EPOCH + int(time_us) * _MICROSECOND
