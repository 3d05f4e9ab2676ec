"""Prices of a region, as the Price List Query API tells them."""

import json
from datetime import date
from decimal import Decimal

import pytest

from collectors.aws import price_list
from core.errors import AccessRefusedError, TransientCloudError


def product(*, unit="Hrs", usd="0.0960000000", published="2026-03-01T10:00:00Z", terms=1, **attributes):
    """A product as the API has it: JSON within JSON."""
    offers = {
        f"SKU.{number}": {
            "priceDimensions": {f"SKU.{number}.1": {"unit": unit, "pricePerUnit": {"USD": usd}}}
        }
        for number in range(terms)
    }
    return json.dumps(
        {
            "product": {"attributes": attributes},
            "terms": {"OnDemand": offers},
            "publicationDate": published,
        }
    )


def page(*products, token=None):
    return {"FormatVersion": "aws_v1", "PriceList": list(products)} | ({"NextToken": token} if token else {})


M5 = product(instanceType="m5.large")
GP3 = product(volumeApiName="gp3", unit="GB-Mo", usd="0.0800000000")


def test_instances_by_the_hour_and_volumes_by_the_month(aws, cloud):
    aws.say(page(M5)).say(page(GP3))
    found = price_list.prices(cloud, "eu-west-1")
    assert (found.region, found.published) == ("eu-west-1", date(2026, 3, 1))
    assert (found.hourly, found.gb_month) == ({"m5.large": Decimal("0.096")}, {"gp3": Decimal("0.08")})


def test_what_is_asked(aws, cloud):
    aws.say(page(M5)).say(page(GP3))
    price_list.prices(cloud, "eu-west-1")
    instances, volumes = aws.asked()
    assert (instances["ServiceCode"], instances["MaxResults"]) == ("AmazonEC2", 100)
    assert {each["Field"]: each["Value"] for each in instances["Filters"]} == {
        "operatingSystem": "Linux",
        "tenancy": "Shared",
        "preInstalledSw": "NA",
        "capacitystatus": "Used",
        "marketoption": "OnDemand",
        "regionCode": "eu-west-1",
    }
    assert {each["Field"]: each["Value"] for each in volumes["Filters"]} == {
        "productFamily": "Storage",
        "regionCode": "eu-west-1",
    }
    assert {request.url.split("/")[2] for request in aws.requests} == {"api.pricing.us-east-1.amazonaws.com"}


def test_pages_follow_each_other(aws, cloud):
    aws.say(page(M5, token="t-1")).say(page(product(instanceType="m5.xlarge", usd="0.192"))).say(page(GP3))
    assert set(price_list.prices(cloud, "eu-west-1").hourly) == {"m5.large", "m5.xlarge"}
    assert [asked.get("NextToken") for asked in aws.asked()] == [None, "t-1", None]


def test_of_several_prices_the_plain_one_counts(aws, cloud):
    aws.say(page(product(instanceType="m5.large", usd="0.2"), M5)).say(page(GP3))
    assert price_list.prices(cloud, "eu-west-1").hourly == {"m5.large": Decimal("0.096")}


@pytest.mark.parametrize(
    "other",
    [
        product(instanceType="m5.large", usd="0.0000000000"),
        product(instanceType="m5.large", unit="Quantity"),
        product(instanceType="m5.large", terms=0),
        product(instanceType="m5.large", terms=2),
        product(),
    ],
    ids=["free", "not by the hour", "no terms", "two terms", "no type"],
)
def test_what_is_no_price_by_the_hour_is_left_out(aws, cloud, other):
    aws.say(page(other, product(instanceType="c5.large"))).say(page(GP3))
    assert set(price_list.prices(cloud, "eu-west-1").hourly) == {"c5.large"}


def test_a_region_without_prices_has_none(aws, cloud):
    aws.say(page())
    assert price_list.prices(cloud, "mars-1") is None


@pytest.mark.parametrize("text", ["{}", "no JSON", "[]", product(published="soon", instanceType="m5.large")])
def test_an_answer_that_cannot_be_read_is_asked_for_again(aws, cloud, text):
    aws.say(page(text))
    with pytest.raises(TransientCloudError):
        price_list.prices(cloud, "eu-west-1")


def test_a_refusal_says_what_helps(aws, cloud):
    aws.refuse_json("AccessDeniedException")
    with pytest.raises(AccessRefusedError, match=r"pricing:GetProducts.*policy in the README"):
        price_list.prices(cloud, "eu-west-1")
