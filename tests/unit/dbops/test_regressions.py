"""A statement is slower when its mean grew by half, by 5 ms, and from enough calls."""

import pytest

from dbops.regressions import Compared, slower


def compared(mean_ms, mean_before_ms, calls=100, calls_before=100):
    return Compared(1, calls, calls * mean_ms, calls_before, calls_before * mean_before_ms)


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        (compared(15, 10), True),
        (compared(14.9, 10), False),
        (compared(9, 5), False),
        (compared(100, 10, calls=49), False),
        (compared(100, 10, calls_before=49), False),
        (compared(10, 0), True),
    ],
    ids=["by half", "by less", "by 4 ms", "49 calls", "49 calls before", "from nothing"],
)
def test_what_counts_as_slower(statement, found):
    assert bool(slower([statement])) == found


def test_the_worst_comes_first():
    twice, thrice = compared(20, 10), compared(30, 10)
    assert slower([twice, thrice]) == [thrice, twice]
