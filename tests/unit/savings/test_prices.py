"""What things cost."""

import csv
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from analytics.savings.facts import catalogue
from analytics.savings.price_list import REGIONS
from analytics.savings.prices import PriceTable, shipped, size_units

PUBLISHED = Path(__file__).parents[4] / "shared" / "data" / "ec2_facts"


@pytest.mark.parametrize(
    ("region", "name", "hourly"),
    [
        ("us-east-1", "m5.large", "0.096"),
        # Sixteen times a large's: 24 xlarges are 48 larges.
        ("us-east-1", "m5.24xlarge", "4.608"),
        ("us-east-1", "t3.nano", "0.0052"),
        ("us-east-1", "t2.small", "0.023"),
        ("us-west-2", "r6a.xlarge", "0.2268"),
        ("eu-west-1", "t3.medium", "0.0456"),
        ("eu-central-1", "m6i.2xlarge", "0.46"),
    ],
)
def test_a_month_is_730_hours_at_the_published_price(region, name, hourly):
    assert shipped(region).month(name).usd == 730 * Decimal(hourly)


def test_storage_is_priced_by_its_size():
    assert shipped("eu-west-1").storage("gp3", 500).usd == Decimal("44.0")


@pytest.mark.parametrize(
    ("quote", "why"),
    [
        (shipped("us-east-1").month("p5.48xlarge"), "p5.48xlarge in us-east-1"),
        (shipped("mars-north-1").month("m5.large"), "m5.large in mars-north-1"),
        (shipped("us-east-1").month("m5.large", "Windows"), "Windows"),
        (shipped("us-east-1").storage("io9", 10), "io9 volumes"),
    ],
)
def test_an_unknown_price_is_none_with_a_reason(quote, why):
    assert quote.usd is None
    assert why in quote.reason


def test_linux_is_priced_however_the_inventory_says_it():
    table = PriceTable("x", "a test", date(2026, 1, 1), {"m5.large": Decimal("0.1")})
    assert table.month("m5.large", "").usd == table.month("m5.large", "Linux/UNIX").usd == Decimal("73.0")


def test_bare_metal_has_no_place_among_the_sizes():
    assert size_units("m5.metal") is None
    assert "m5.metal" not in shipped("us-east-1").hourly


def test_each_table_has_its_source_and_date():
    for region in REGIONS:
        table = shipped(region)
        assert "AWS" in table.source
        assert table.date is not None
        assert table.hourly.keys() <= catalogue().keys()


@pytest.mark.skipif(
    not PUBLISHED.is_dir(), reason="the published prices to compare with are not beside the checkout"
)
@pytest.mark.parametrize(
    ("file", "regions"),
    [
        ("ondemand_us-east-1_2026-07-20.csv", ["us-east-1"]),
        ("ondemand_linux_by_region_2023-01-06.csv", ["eu-west-1", "eu-central-1", "eu-north-1"]),
    ],
)
def test_shipped_prices_are_those_published_on_their_day(file, regions):
    with (PUBLISHED / file).open(encoding="utf-8") as lines:
        rows = [row for row in csv.DictReader(lines) if row.get("region", "us-east-1") in regions]
    wrong = {
        row["instance_type"]: (ours, row["usd_per_hour"])
        for row in rows
        if (ours := shipped(row.get("region", "us-east-1")).hourly.get(row["instance_type"])) is not None
        # AWS rounds some small sizes to the fourth digit.
        and abs(ours - Decimal(row["usd_per_hour"])) > Decimal("0.00005")
    }
    assert rows
    assert wrong == {}
