"""What was charged by tag: what has it, what has not, what is not told apart, and what is unknown."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

from collectors.models import DailyCostQuerySet, DailyTagCostQuerySet

USUAL_VALUES = 20


class TagState(StrEnum):
    """What is known of the tag of what was charged."""

    TAGGED = "tagged"
    UNTAGGED = "untagged"
    OTHER = "other"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class TagAmount:
    """What was charged on a UTC day for one value; it is empty for what has no tag, None where not told."""

    date: date
    value: str | None
    state: TagState
    amount: Decimal
    estimated: bool


@dataclass(frozen=True, slots=True)
class Gaps:
    """The days on which a tag is not known of all that was charged, and why."""

    days: tuple[date, ...] = ()
    reason: str | None = None


def by_value(
    costs: DailyCostQuerySet, tagged: DailyTagCostQuerySet, key: str, *, most: int = USUAL_VALUES
) -> list[TagAmount]:
    """Return what each day of `costs` was charged by the values of a tag, the dearest of them told apart.

    `tagged` are the costs by tag of the same range, accounts, services and currency.
    """
    rows = tagged.of_key(key)
    shown = rows.told_apart(rows.dearest_values(most)).daily_totals("shown")
    told = [
        TagAmount(row["date"], row["shown"], _state(row["shown"]), row["total"], row["any_estimated"])
        for row in shown
    ]
    unknown = [
        TagAmount(row["date"], None, TagState.UNKNOWN, row["total"], row["any_estimated"])
        for row in costs.untold_by(key).daily_totals()
    ]
    return sorted(told + unknown, key=lambda each: each.date)


def _state(value: str | None) -> TagState:
    if value is None:
        return TagState.OTHER
    return TagState.TAGGED if value else TagState.UNTAGGED


def gaps(
    costs: DailyCostQuerySet, tagged: DailyTagCostQuerySet, key: str, *, value: str | None = None
) -> Gaps:
    """Return the days on which a tag, or how much is charged for one value of it, is not fully known."""
    untold = set(costs.untold_by(key).values_list("date", flat=True))
    mixed = set(tagged.of_key(key).others().values_list("date", flat=True) if value is not None else ())
    said = []
    if untold:
        said.append(f"Days on which no billing file that counts tells of this tag: {len(untold)}.")
    if mixed:
        said.append(f"Days with values that are not told apart: {len(mixed)}.")
    return Gaps(tuple(sorted(untold | mixed)), " ".join(said) or None)
