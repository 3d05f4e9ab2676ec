"""What a change has saved: what a day cost before it and after, at the same prices."""

from dataclasses import dataclass
from decimal import Decimal

from analytics.savings.prices import HOURS_A_MONTH
from analytics.savings.sizing import LIMIT

LEAST_DAYS = 7
"""Fewer days leave out a weekday."""

_DAY_HOURS = 24


@dataclass(frozen=True, slots=True)
class Spell:
    """Whole days on one side of a change: what they cost together, and the CPU's 99th percentile; None is
    unknown.

    `usd` is the price of the type times the hours that it ran, both spells at the prices of one table, or
    what a bill says of the resource. The day of the change is in neither.
    """

    days: int
    usd: Decimal | None
    cpu_p99: float | None = None


@dataclass(frozen=True, slots=True)
class Realised:
    """What is saved a month, less than nothing where it costs more; None, with the reason, while that is not
    known.

    `of_promised` is its share of what was recommended; `held` says whether the CPU stayed at or below the
    limit.
    """

    monthly_usd: Decimal | None
    of_promised: float | None
    held: bool | None
    reason: str = ""


def realised(before: Spell, after: Spell, promised_usd: Decimal | None = None) -> Realised:
    """Compare the days before a change with those after it."""
    held = None if after.cpu_p99 is None else after.cpu_p99 <= LIMIT
    days = min(before.days, after.days)
    if days < LEAST_DAYS:
        return Realised(None, None, held, f"{days} days are known on one side, and {LEAST_DAYS} are needed.")
    if before.usd is None or after.usd is None:
        return Realised(None, None, held, "What it cost is not known on both sides.")
    saved = _monthly(before.usd, before.days) - _monthly(after.usd, after.days)
    return Realised(saved, float(saved / promised_usd) if promised_usd else None, held)


def _monthly(usd: Decimal, days: int) -> Decimal:
    return usd * HOURS_A_MONTH / (_DAY_HOURS * days)
