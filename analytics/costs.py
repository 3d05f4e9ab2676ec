"""What days of cost add up to; values in, values out."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, Context, Decimal
from functools import reduce

_EXACT = Context(prec=MAX_PREC, Emax=MAX_EMAX, Emin=MIN_EMIN)
_AVERAGE_DIGITS = 28


@dataclass(frozen=True, slots=True)
class CostDay:
    """The cost of one UTC day; estimated while AWS may still restate it."""

    date: date
    amount: Decimal
    estimated: bool = False


@dataclass(frozen=True, slots=True)
class CostSummary:
    """What a range of days cost; None is unknown, which is not zero."""

    total: Decimal | None
    average: Decimal | None
    highest: CostDay | None
    lowest: CostDay | None
    days: int


def summarise(days: Sequence[CostDay]) -> CostSummary:
    """Add up all the days; only final ones can be the highest or the lowest, the first of equal ones."""
    if not days:
        return CostSummary(None, None, None, None, 0)
    ordered = sorted(days, key=lambda day: day.date)
    final = [day for day in ordered if not day.estimated]
    total = reduce(_EXACT.add, (day.amount for day in ordered))
    return CostSummary(
        total=total,
        average=average(total, len(ordered)),
        highest=max(final, key=lambda day: day.amount, default=None),
        lowest=min(final, key=lambda day: day.amount, default=None),
        days=len(ordered),
    )


def average(total: Decimal, count: int) -> Decimal:
    """Divide to 28 significant digits, or as many as the total has, without trailing zeros."""
    digits = max(_AVERAGE_DIGITS, len(total.as_tuple().digits))
    context = Context(prec=digits)
    quotient = context.divide(total, Decimal(count)).normalize(context)
    return quotient.quantize(Decimal(1), context=context) if quotient == quotient.to_integral() else quotient
