"""Regions that are cheaper and cleaner."""

import pytest

from analytics.carbon.ranges import Range
from analytics.carbon.regions import cheaper_and_cleaner

USED = Range(10, 20)


def hints(region="eu-central-1", prices=None, **about):
    prices = prices or {}
    return cheaper_and_cleaner(
        "m5.large",
        region,
        hours=100,
        energy_kwh=USED,
        price=lambda instance_type, place: prices.get(place) if instance_type == "m5.large" else None,
        **about,
    )


def test_what_a_move_from_frankfurt_to_stockholm_saves():
    [hint] = hints(prices={"eu-central-1": 0.115, "eu-north-1": 0.102}).hints
    assert (hint.region, hint.is_near) == ("eu-north-1", True)
    assert hint.usd == pytest.approx(1.30)
    # Frankfurt 0.338 and Stockholm 0.008 kg/kWh, each 20 % less and more: 0.2704 - 0.0096 to 0.4056 - 0.0064.
    assert hint.operational_kg.low == pytest.approx(10 * 0.2608)
    assert hint.operational_kg.high == pytest.approx(20 * 0.3992)


@pytest.mark.parametrize("price", [0.115, 0.2, None], ids=["as dear", "dearer", "unknown"])
def test_a_region_that_is_not_cheaper_is_not_named(price):
    found = hints(prices={"eu-central-1": 0.115, "eu-north-1": price})
    assert found.hints == ()
    assert "both cheaper and cleaner" in found.reason


def test_a_region_that_may_be_no_cleaner_is_not_named():
    # Ireland's 0.316 and Frankfurt's 0.338 overlap: 0.3792 is more than 0.2704.
    assert hints(prices={"eu-central-1": 0.115, "eu-west-1": 0.107}).hints == ()


def test_near_regions_come_first_then_those_that_save_most():
    prices = dict.fromkeys(("ca-central-1", "eu-west-3", "eu-north-1", "us-west-2"), 0.1) | {
        "eu-central-1": 0.115
    }
    assert [each.region for each in hints(prices=prices).hints] == ["eu-north-1", "eu-west-3", "ca-central-1"]


def test_china_and_govcloud_are_not_reached_from_elsewhere():
    prices = {"ap-south-1": 1.0, "cn-north-1": 0.1, "us-gov-west-1": 0.1}
    assert hints("ap-south-1", prices).hints == ()
    assert (
        hints("us-west-2", {"us-west-2": 1.0, "us-gov-west-1": 0.1}, candidates=["us-gov-west-1"]).hints == ()
    )


def test_only_the_regions_asked_for_are_named():
    prices = {"eu-central-1": 0.115, "eu-north-1": 0.1, "eu-west-3": 0.1}
    found = hints(prices=prices, candidates=["eu-west-3", "moon-1"])
    assert [each.region for each in found.hints] == ["eu-west-3"]


def test_without_the_grid_or_the_price_of_where_it_is_nothing_is_named():
    assert "kWh causes in il-central-1" in hints("il-central-1", {"il-central-1": 1.0}).reason
    assert "price of m5.large in eu-central-1" in hints(prices={"eu-north-1": 0.1}).reason
