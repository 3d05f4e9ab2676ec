"""Weekly maintenance windows as AWS writes them, in UTC: pure arithmetic on the minutes of a week."""

import re
from datetime import UTC, datetime
from typing import NamedTuple

from core.errors import InvalidInputError

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MOMENT = rf"({'|'.join(_DAYS)}):([01]\d|2[0-3]):([0-5]\d)"
_WINDOW = re.compile(rf"{_MOMENT}-{_MOMENT}")
_HOUR, _DAY = 60, 24 * 60
_WEEK = 7 * _DAY


class _Window(NamedTuple):
    """Minutes: from Monday 00:00 UTC to the start, and from there to the end."""

    start: int
    length: int

    @classmethod
    def of(cls, text: str) -> "_Window":
        """Read a window. Raises: InvalidInputError."""
        found = _WINDOW.fullmatch(text)
        if found is None:
            raise InvalidInputError(
                f"{text!r} is not a maintenance window in UTC such as sun:02:00-sun:04:00."
            )
        start, end = _minute(*found.groups()[:3]), _minute(*found.groups()[3:])
        return cls(start, (end - start) % _WEEK)


def _minute(day: str, hour: str, minute: str) -> int:
    return _DAYS.index(day) * _DAY + int(hour) * _HOUR + int(minute)


def validate(text: str) -> None:
    """Accept a window of one minute to 24 hours, or nothing at all. Raises: InvalidInputError."""
    if text and not 0 < _Window.of(text).length <= _DAY:
        raise InvalidInputError(
            f"The maintenance window {text} must end after it starts, within 24 hours; "
            "the end may lie on the next day."
        )


def is_open(text: str, now: datetime) -> bool:
    """Tell whether `now` is in the window, its end excluded; an empty one is never open.

    Raises: InvalidInputError for what `validate` refuses.
    """
    validate(text)
    if not text:
        return False
    window, there = _Window.of(text), now.astimezone(UTC)
    minute = there.weekday() * _DAY + there.hour * _HOUR + there.minute
    return (minute - window.start) % _WEEK < window.length
