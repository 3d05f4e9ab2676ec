"""Sums, and what they speak for."""

import math

import pytest

from analytics.carbon.footprint import Footprint
from analytics.carbon.ranges import Range
from analytics.carbon.totals import Coverage, Part, by, total

KNOWN = Footprint(Range(1, 2), Range(0.5, 1.5), Range(0.1, 0.2))
NO_GRID = Footprint(Range(1, 2), None, Range(0.1, 0.2), reasons=("no grid",))
UNKNOWN = Footprint(None, None, None, reasons=("no size",))


def part(footprint, *, account="a", service="EC2", hours=100.0):
    return Part(account, service, hours, footprint)


def test_bounds_are_added_up_and_the_unknown_is_told_apart():
    found = total([part(KNOWN), part(KNOWN), part(NO_GRID, hours=50), part(UNKNOWN, hours=250)])
    assert found.operational_kg == Range(1.0, 3.0)
    assert (found.embodied_kg.low, found.embodied_kg.high) == pytest.approx((0.3, 0.6))
    # Of four resources two have operational figures, of 500 hours 200; three embodied ones, of 250 hours.
    assert found.operational == Coverage(4, 2, 500, 200)
    assert (found.operational.share, found.operational.share_of_hours) == (0.5, 0.4)
    assert (found.embodied.share, found.embodied.share_of_hours) == (0.75, 0.5)
    assert found.reasons == (("no grid", 1), ("no size", 1))


def test_the_most_frequent_reason_comes_first():
    found = total([part(NO_GRID), part(UNKNOWN), part(UNKNOWN)])
    assert found.reasons == (("no size", 2), ("no grid", 1))


def test_a_sum_of_nothing_known_is_unknown_and_not_zero():
    found = total([part(UNKNOWN), part(UNKNOWN)])
    assert (found.operational_kg, found.operational.share) == (None, 0)


def test_of_nothing_there_is_neither_sum_nor_share():
    found = total([])
    assert (found.operational_kg, found.embodied_kg) == (None, None)
    assert (found.operational.share, found.operational.share_of_hours) == (None, None)


@pytest.mark.parametrize("hours", [None, math.nan])
def test_unknown_hours_count_among_the_resources_alone(hours):
    found = total([part(KNOWN), part(UNKNOWN, hours=hours)])
    assert found.operational == Coverage(2, 1, 100, 100)


def test_accounts_and_services_have_sums_of_their_own():
    parts = [part(KNOWN), part(KNOWN, account="b", service="EBS"), part(UNKNOWN, service=None)]
    accounts = by(parts, lambda each: each.account)
    assert list(accounts) == ["a", "b"]
    assert accounts["a"].operational == Coverage(2, 1, 200, 100)
    assert by(parts, lambda each: each.service)[None].operational_kg is None
    assert ("b", "EBS") in by(parts, lambda each: (each.account, each.service))


def test_the_accounts_sums_come_to_the_whole():
    parts = [part(KNOWN, account=name) for name in "abcab"]
    assert (
        sum(each.operational_kg.high for each in by(parts, lambda each: each.account).values())
        == total(parts).operational_kg.high
    )
