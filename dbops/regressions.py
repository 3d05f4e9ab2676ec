"""Which statements have become slower: pure rules."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

RECENT = timedelta(days=1)
BEFORE = timedelta(days=7)
LEAST_CALLS = 50
LEAST_FACTOR = 1.5
LEAST_MORE_MS = 5.0
SHOWN = 10


@dataclass(frozen=True, slots=True)
class Compared:
    """A statement in the last day, and in the seven days before."""

    query_id: int
    calls: int
    total_ms: float
    calls_before: int
    total_before_ms: float

    @property
    def mean_ms(self) -> float:
        return self.total_ms / self.calls

    @property
    def mean_before_ms(self) -> float:
        return self.total_before_ms / self.calls_before


def slower(statements: Iterable[Compared]) -> list[Compared]:
    """Return those whose mean grew by half and by 5 ms, from 50 calls on each side, the worst first."""
    found = [each for each in statements if _is_slower(each)]
    return sorted(found, key=lambda each: each.mean_before_ms / each.mean_ms)[:SHOWN]


def _is_slower(each: Compared) -> bool:
    if min(each.calls, each.calls_before) < LEAST_CALLS:
        return False
    grew_by_ms = each.mean_ms - each.mean_before_ms
    return grew_by_ms >= LEAST_MORE_MS and each.mean_ms >= LEAST_FACTOR * each.mean_before_ms
