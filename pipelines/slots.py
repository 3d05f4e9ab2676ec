"""When a schedule is due: pure arithmetic on its slots."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from cronsim import CronSim

from core.errors import InvalidInputError

_DURATION = re.compile(r"(\d{1,8})\s*([smhd])")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def parse_duration(text: str) -> timedelta:
    """Read 90s, 1m, 24h or 7d. Raises: InvalidInputError."""
    found = _DURATION.fullmatch(text.strip().lower())
    duration = timedelta(**{_UNITS[found[2]]: int(found[1])}) if found else timedelta(0)
    if not timedelta(0) < duration <= timedelta(days=366):
        raise InvalidInputError(f"{text!r} is not a duration such as 90s, 1m, 24h or 7d.")
    return duration


class Slots(Protocol):
    """A rhythm of moments at which something is due."""

    def latest(self, now: datetime) -> datetime:
        """Return the last slot at or before `now`, in UTC."""
        ...

    def between(self, after: datetime, until: datetime) -> Iterator[datetime]:
        """Yield the slots later than `after`, up to and including `until`, the oldest first, in UTC."""
        ...


@dataclass(frozen=True, slots=True)
class Every:
    """Slots at a fixed distance, counted from the epoch, so that everybody agrees on them."""

    period: timedelta

    def latest(self, now: datetime) -> datetime:
        return self._slot(self._number(now))

    def between(self, after: datetime, until: datetime) -> Iterator[datetime]:
        return map(self._slot, range(self._number(after) + 1, self._number(until) + 1))

    def _number(self, moment: datetime) -> int:
        return (moment - _EPOCH) // self.period

    def _slot(self, number: int) -> datetime:
        return _EPOCH + number * self.period


@dataclass(frozen=True, slots=True)
class Cron:
    """Slots by a cron expression in a time zone; on days that clocks change, as Debian's cron has it.

    Where both minutes and hours are named, the slots of an hour that is left out are one at its end, and an
    hour that comes twice has them the first time. With a star in either field the slots go by the clock: none
    in an hour that is left out, and those of an hour that comes twice, twice.
    """

    expression: str
    zone: ZoneInfo

    def latest(self, now: datetime) -> datetime:
        # The search backwards overlooks slots where an hour comes twice; the one forwards does not.
        before = next(CronSim(self.expression, now.astimezone(self.zone), reverse=True)).astimezone(UTC)
        return max(self.between(before, now), default=before)

    def between(self, after: datetime, until: datetime) -> Iterator[datetime]:
        last = after
        for found in CronSim(self.expression, after.astimezone(self.zone)):
            slot = found.astimezone(UTC)
            if slot > until:
                return
            # Slots of an hour that is left out coincide; those of an hour that comes twice may lie behind.
            if slot > last:
                last = slot
                yield slot
