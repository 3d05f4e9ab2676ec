"""How long a group keeps what it could do without."""

import numpy as np
import pytest

from scaling.patience import Patience

SIZES = np.array([2.0, 4.0, 8.0, 9.0, 10.0])


def settled(places, here, *, gain=1.0, worth=0.0):
    """Where a group that is at that place goes, minute by minute, when these are best."""
    patience = Patience(1)
    found = []
    for best in places:
        settle = patience.settle(
            np.array([here]),
            np.array([best]),
            np.array([gain]),
            sizes=SIZES,
            worth=np.array([worth], float),
        )
        here = int(settle[0])
        found.append(here)
    return found


def test_it_grows_at_once_where_that_saves_enough():
    assert settled([4], 2, gain=0.5) == [4]
    assert settled([4], 2, gain=0.4) == [2]


@pytest.mark.parametrize(
    ("best", "minutes"),
    [(3, 11), (2, 6), (1, 2)],
    ids=["10 units, 9 are enough", "8 are enough", "4 are enough"],
)
def test_the_more_there_is_to_save_the_sooner_it_shrinks(best, minutes):
    """The price is a minute of the usual 10 units: 1/10 a minute is beyond it in the 11th."""
    assert settled([best] * minutes, 4) == [4] * (minutes - 1) + [best]


def test_it_shrinks_to_the_most_that_was_best_lately():
    """4 would do now, and 8 were best two minutes ago."""
    assert settled([1, 2, 1, 1], 4)[-1] == 2


def test_where_a_minute_is_worth_more_a_change_costs_more():
    """0.3 minutes above the limit, worth 100 unit-minutes each, are 3 minutes of 10 units more."""
    assert settled([1] * 6, 4, worth=100)[-1] == 4
    assert settled([1] * 7, 4, worth=100)[-1] == 1


def test_what_was_saved_up_is_forgotten_once_it_had_to_grow():
    """Two of 10 units could be spared for five minutes; then all are needed, and more would be."""
    assert settled([2] * 5, 4) == [4] * 5
    patience = Patience(1)
    for best in (1, 3, 1):
        found = patience.settle(
            np.array([2]), np.array([best]), np.array([0.0]), sizes=SIZES, worth=np.zeros(1)
        )
    assert found.tolist() == [2]
