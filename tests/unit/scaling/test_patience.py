"""How long a group keeps what it could do without."""

import numpy as np
import pytest

from scaling.patience import Patience, Weighed

SIZES = np.array([2.0, 4.0, 8.0, 9.0, 10.0])


def weighed(here, best, *, gain=1.0, worth=0.0, least=0, foreseen=True):
    """One group: places among the sizes."""
    places = (np.array([each]) for each in (here, best, least))
    return Weighed(SIZES, *places, np.array([gain]), np.array([worth], float), np.array([foreseen]))


def settled(places, here, *, apart=1.0, **more):
    """Where a group that is at that place goes, one question after the other, when these are best."""
    patience = Patience(1)
    found = []
    for step, best in enumerate(places):
        here = int(patience.settle(step * apart, weighed(here, best, **more))[0])
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
    """Of 9 units 5 could be spared for a minute; then more would be needed, and 5 can be spared again."""
    patience = Patience(1)
    found = [patience.settle(minute, weighed(3, best, gain=0.0))[0] for minute, best in enumerate([1, 4, 1])]
    assert found == [3, 3, 3]


def test_what_somebody_else_changed_is_waited_for_anew():
    """6 of 10 units a minute are beyond the price in the second one, unless there were 9 before."""
    assert settled([1, 1], 4) == [4, 1]
    patience = Patience(1)
    assert [int(patience.settle(minute, weighed(here, 1))[0]) for minute, here in enumerate([3, 4])] == [3, 4]


def test_until_a_shrink_is_granted_it_is_wished_for():
    patience = Patience(1)
    assert [int(patience.settle(minute, weighed(4, 1))[0]) for minute in range(4)] == [4, 1, 1, 1]


def test_the_price_is_paid_in_time_and_not_in_questions():
    """6 of 10 units a minute, of which the first question counts a whole one: 0.6 + 3 x 0.15 is beyond 1."""
    assert settled([1] * 8, 4, apart=0.25).index(1) == 3
    assert settled([1] * 8, 4, apart=60).index(1) == 1


def test_a_clock_that_is_set_back_takes_nothing_away():
    """0.6 of the group's minutes are saved at minute 10, and as much at minute 6."""
    patience = Patience(1)
    found = [int(patience.settle(minute, weighed(4, 1))[0]) for minute in (10, 5, 6)]
    assert found == [4, 4, 1]


def test_some_groups_alone_can_be_asked_about():
    patience = Patience(3)
    for minute in range(2):
        found = patience.settle(minute, weighed(4, 1), np.array([1]))
    assert found.tolist() == [1]
    assert patience.settle(2, weighed(4, 1), np.array([2])).tolist() == [4]


def test_where_nothing_is_foreseen_the_rules_are_followed():
    assert settled([4], 2, foreseen=False, least=1) == [1]
