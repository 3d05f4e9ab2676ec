"""Histograms in one number: eight decimal digits a bucket, so that adding two of them merges them.

PostgreSQL's `numeric` leaves out the zeros on both sides, so that an hour takes some 20 bytes; its sum() is
the merge, and it is exact. A bucket holds up to 99,999,999 samples, which is more than a day has seconds.

Error of a percentile, against the sample of that rank: at most 0.5 percentage points for percents, at most
9.1 % of the value for bytes (buckets grow by a quarter of an octave), except for values beyond the last
bucket: above 100 %, above 8 TiB in one period.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

DIGITS = 8
_BUCKET = 10**DIGITS


class Scale(Protocol):
    """How values are put into buckets."""

    def sql(self, column: str) -> str:
        """Return the SQL of a value's bucket."""
        ...

    def middle(self, bucket: int) -> float:
        """Return the value in the middle of a bucket."""
        ...


@dataclass(frozen=True, slots=True)
class Percent:
    """Buckets of one percent, from 0 to 100."""

    def sql(self, column: str) -> str:
        return f"greatest(0, least(99, floor({column})))::int"

    def middle(self, bucket: int) -> float:
        return bucket + 0.5


@dataclass(frozen=True, slots=True)
class Bytes:
    """Buckets that grow by a quarter of an octave; up to one byte is the first."""

    _PER_OCTAVE = 4
    _LAST = _PER_OCTAVE * 43

    def sql(self, column: str) -> str:
        steps = f"ceil(ln(greatest(1, {column})) * {self._PER_OCTAVE / math.log(2)!r})"
        return f"least({self._LAST}, {steps})::int"

    def middle(self, bucket: int) -> float:
        return 2.0 ** ((bucket - 0.5) / self._PER_OCTAVE) if bucket else 0.0


def collected_sql(scale: Scale, column: str) -> str:
    """Return the SQL that gathers a column's values into a histogram; null where there is none."""
    # greatest() and least() pass over null, so that the unknown has to be left out first.
    return f"sum(('1e' || {DIGITS} * {scale.sql(column)})::numeric) FILTER (WHERE {column} IS NOT NULL)"


def counts(histogram: Decimal) -> Iterator[tuple[int, int]]:
    """Yield the buckets that have samples, the lowest first, each with their number."""
    rest, bucket = int(histogram), 0
    while rest:
        rest, count = divmod(rest, _BUCKET)
        if count:
            yield bucket, count
        bucket += 1


def percentile(histogram: Decimal, scale: Scale, share: float) -> float:
    """Return the value below which that share of the samples lies, by nearest rank.

    The middle of its bucket stands for the sample; see the module for the error.
    """
    buckets = list(counts(histogram))
    rank = max(1, math.ceil(share * sum(count for _, count in buckets)))
    for bucket, count in buckets:
        rank -= count
        if rank <= 0:
            return scale.middle(bucket)
    raise ValueError("an empty histogram has no percentiles")
