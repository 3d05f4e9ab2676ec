"""Ranges of UTC days, half-open as in Cost Explorer: the end is not part of them."""

import re
from dataclasses import dataclass
from datetime import date, timedelta

from core.errors import InvalidInputError

LONGEST_DAYS = 731
"""Two years with a leap day: a whole year can be held against the one before."""

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def parse_day(text: str) -> date:
    """Read a day such as 2026-03-31, and no other way of writing it. Raises: InvalidInputError."""
    try:
        if _DAY.fullmatch(text):
            return date.fromisoformat(text)
    except ValueError as error:
        raise InvalidInputError(f"There is no such day ({error}).") from error
    raise InvalidInputError("A day is written YYYY-MM-DD, such as 2026-03-31.")


@dataclass(frozen=True, slots=True)
class Period:
    """The days from `start` up to, but not including, `end`."""

    start: date
    end: date

    @property
    def days(self) -> int:
        return (self.end - self.start).days

    @classmethod
    def last(cls, days: int, *, through: date) -> "Period":
        """Return that many days, the last of them `through`."""
        end = through + timedelta(days=1)
        return cls(end - timedelta(days=days), end)

    @classmethod
    def chosen(cls, start: date | None, end: date | None, *, default: "Period") -> "Period":
        """Return the wanted range: a missing end is the default's, a missing start its length before the end.

        Raises: InvalidInputError for a range that is empty, reversed or longer than `LONGEST_DAYS`.
        """
        end = end or default.end
        start = start or date.fromordinal(max(1, end.toordinal() - default.days))
        period = cls(start, end)
        if period.days <= 0:
            raise InvalidInputError(f"start ({start}) must be before end ({end}), which is exclusive.")
        if period.days > LONGEST_DAYS:
            raise InvalidInputError(
                f"From start ({start}) to end ({end}) are {period.days} days; ask for {LONGEST_DAYS} at most."
            )
        return period
