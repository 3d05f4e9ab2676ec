"""What a change has saved."""

from decimal import Decimal

import pytest

from analytics.savings.realised import Spell, realised


def test_the_difference_a_day_is_scaled_to_a_month():
    # $4.80 a day before, $2.40 after: $2.40 x 730 / 24.
    found = realised(Spell(14, Decimal("67.20")), Spell(7, Decimal("16.80")), Decimal(146))
    assert found.monthly_usd == Decimal("73.0")
    assert found.of_promised == 0.5


def test_a_change_that_costs_more_has_saved_less_than_nothing():
    assert realised(Spell(7, Decimal(7)), Spell(7, Decimal(14))).monthly_usd < 0


@pytest.mark.parametrize(
    ("before", "after", "why"),
    [
        (Spell(14, Decimal(1)), Spell(6, Decimal(1)), "6 days"),
        (Spell(0, Decimal(0)), Spell(14, Decimal(1)), "0 days"),
        (Spell(14, None), Spell(14, Decimal(1)), "not known"),
        (Spell(14, Decimal(1)), Spell(14, None), "not known"),
    ],
)
def test_what_cannot_be_compared_is_unknown_with_a_reason(before, after, why):
    found = realised(before, after, Decimal(1))
    assert (found.monthly_usd, found.of_promised) == (None, None)
    assert why in found.reason


@pytest.mark.parametrize(("cpu", "held"), [(80.0, True), (80.1, False), (None, None)])
def test_whether_the_new_size_holds_is_told_as_soon_as_it_is_measured(cpu, held):
    assert realised(Spell(14, Decimal(2)), Spell(3, Decimal(1), cpu_p99=cpu)).held is held


def test_without_a_promise_there_is_no_share_of_it():
    assert realised(Spell(7, Decimal(7)), Spell(7, Decimal(0))).of_promised is None
    assert realised(Spell(7, Decimal(7)), Spell(7, Decimal(0)), Decimal(0)).of_promised is None
