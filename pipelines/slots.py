"""When a schedule is due: pure arithmetic on its slots."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from cronsim import CronSim

from core.errors import InvalidInputError

_DURATION = re.compile(r"(\d{1,8})\s*([smhd])")
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


@dataclass(frozen=True, slots=True)
class Every:
    """Slots at a fixed distance, counted from the epoch, so that everybody agrees on them."""

    period: timedelta

    def latest(self, now: datetime) -> datetime:
        seconds = int(self.period.total_seconds())
        return datetime.fromtimestamp(now.timestamp() // seconds * seconds, UTC)


@dataclass(frozen=True, slots=True)
class Cron:
    """Slots by a cron expression in a time zone; on days that clocks change, as Debian's cron has it."""

    expression: str
    zone: ZoneInfo

    def latest(self, now: datetime) -> datetime:
        # The search starts before its argument, so that a slot at `now` itself needs a later start.
        start = now.astimezone(self.zone) + timedelta(minutes=1)
        found = next(
            slot
            for slot in CronSim(self.expression, start, reverse=True)
            if slot <= now.astimezone(self.zone)
        )
        return found.astimezone(UTC)
