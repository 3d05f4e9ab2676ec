"""Figures within bounds."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.carbon.ranges import Range, is_amount
from core.errors import InvalidInputError

BOUNDS = st.floats(-1000, 1000)
RANGES = st.tuples(BOUNDS, BOUNDS).map(lambda pair: Range(min(pair), max(pair)))
SHARES = st.floats(0, 1)


def inside(range_, share):
    return range_.low + share * (range_.high - range_.low)


@given(one=RANGES, other=RANGES, here=SHARES, there=SHARES)
def test_whatever_the_figures_are_their_sum_difference_and_product_are_held(one, other, here, there):
    a, b = inside(one, here), inside(other, there)
    for range_, value in ((one + other, a + b), (one - other, a - b), (one * other, a * b)):
        assert range_.low - 1e-6 <= value <= range_.high + 1e-6


@given(st.lists(RANGES, min_size=1))
def test_a_range_around_others_is_as_wide_as_it_has_to_be(ranges):
    found = Range.around(iter(ranges))
    assert found == Range(min(each.low for each in ranges), max(each.high for each in ranges))


@pytest.mark.parametrize("bounds", [(2, 1), (math.nan, 1), (0, math.inf)])
def test_bounds_are_finite_and_the_right_way_round(bounds):
    with pytest.raises(InvalidInputError, match="no range"):
        Range(*bounds)


@pytest.mark.parametrize(
    ("value", "is_one"),
    [(0, True), (2.5, True), (None, False), (math.nan, False), (math.inf, False), (-1, False)],
)
def test_only_what_was_measured_is_an_amount(value, is_one):
    assert is_amount(value) is is_one
