"""Prices are fetched for the regions in use, and take the place of those that are shipped."""

from datetime import date
from decimal import Decimal

import pytest

from analytics.models import PriceList
from analytics.savings import refreshing
from analytics.savings.stored_prices import table
from collectors.aws import price_list
from collectors.aws.price_list import RegionPrices
from core.errors import TransientCloudError
from pipelines import ledger
from pipelines.models import Run, Status
from tests import builders
from tests.integration.conftest import work_off

pytestmark = pytest.mark.django_db(transaction=True)


class Prices:
    """What each region's prices are, where an exception stands for a call that fails."""

    def __init__(self):
        self.regions = {"eu-west-1": {"m5.large": Decimal("0.107")}}
        self.published = date(2026, 3, 1)
        self.asked = []

    def prices(self, door, region):
        self.asked.append((door.access.account_id, region))
        if isinstance(found := self.regions.get(region), Exception):
            raise found
        return found and RegionPrices(region, self.published, found, {"gp3": Decimal("0.088")})


@pytest.fixture
def listed(monkeypatch, sent, settings):
    settings.CLOUDINTEL_CLOUD = "aws"
    found = Prices()
    monkeypatch.setattr(price_list, "prices", found.prices)
    return found


@pytest.fixture
def estate():
    """An instance and a volume in two regions, and what is gone in a third."""
    owner = builders.account("111111111111")
    builders.instance(owner, region="eu-west-1")
    builders.volume(owner, region="us-east-1")
    builders.instance(owner, region="sa-east-1", gone_at=builders.MORNING)


def refresh():
    run = ledger.start(refreshing.PIPELINE)
    work_off(run)
    return Run.objects.get(pk=run.pk)


def test_the_regions_in_use_are_asked_for_by_one_account(estate, listed):
    listed.regions["us-east-1"] = {"m5.large": Decimal("0.096")}
    assert refresh().status == Status.SUCCEEDED
    assert sorted(listed.asked) == [("111111111111", "eu-west-1"), ("111111111111", "us-east-1")]


def test_fetched_prices_count_with_their_source_and_date(estate, listed):
    assert table("eu-west-1").date == date(2023, 1, 6)
    refresh()
    found = table("eu-west-1")
    assert (found.source, found.date) == (price_list.SOURCE, date(2026, 3, 1))
    assert found.month("m5.large").usd == Decimal("78.11")
    assert found.month("m5.xlarge").usd is None


def test_the_shipped_prices_are_compared_with_them(estate, listed):
    listed.regions["eu-west-1"] = {"m5.large": Decimal("0.107"), "c5.large": Decimal("0.1")}
    refresh()
    assert PriceList.objects.get(region="eu-west-1").compared == {
        "shipped_date": "2023-01-06",
        # c5.large is shipped at 9.6 cents.
        "instance_types": {"common": 2, "differ": 1, "largest_percent": 4.0},
        "volume_types": {"common": 1, "differ": 0, "largest_percent": 0.0},
    }


def test_a_region_that_fails_leaves_the_others_be_and_the_last_prices_count(estate, listed):
    listed.regions["us-east-1"] = {"m5.large": Decimal("0.096")}
    refresh()
    listed.regions["eu-west-1"] = TransientCloudError("no answer")
    listed.published = date(2026, 3, 8)
    assert refresh().status == Status.PARTIAL
    assert [(each.region, each.date.day) for each in PriceList.objects.all()] == [
        ("eu-west-1", 1),
        ("us-east-1", 8),
    ]


def test_a_region_that_aws_lists_nothing_for_is_an_error(estate, listed):
    assert "lists no prices for us-east-1" in refresh().error


def test_it_is_done_again_without_harm(estate, listed):
    listed.regions["us-east-1"] = {"m5.large": Decimal("0.096")}
    assert refresh().counts["created"] == 2
    assert refresh().counts["updated"] == 2
    assert PriceList.objects.count() == 2


def test_the_demo_cloud_is_not_asked(estate, listed, settings):
    settings.CLOUDINTEL_CLOUD = "demo"
    run = refresh()
    assert (run.status, listed.asked) == (Status.SUCCEEDED, [])
