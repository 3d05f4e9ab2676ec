"""What AWS asks for instances and volumes, from the Price List Query API, which is free of charge.

Source: https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_pricing_GetProducts.html; the
attributes are those of the price list of the service AmazonEC2.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation

from collectors.aws.errors import torn, translated
from collectors.aws.paging import asked_with, next_token
from collectors.aws.session import HOME_REGION, Cloud

SOURCE = "AWS Price List Query API (Linux, on demand, shared tenancy)"
PAGE_SIZE = 100

_WHAT = f"pricing:GetProducts in {HOME_REGION}"
_SERVICE = "AmazonEC2"
_INSTANCES = {
    "operatingSystem": "Linux",
    "tenancy": "Shared",
    "preInstalledSw": "NA",
    "capacitystatus": "Used",
    "marketoption": "OnDemand",
}
_VOLUMES = {"productFamily": "Storage"}


@dataclass(frozen=True, slots=True)
class RegionPrices:
    """USD an hour by instance type, USD a GB-month by volume type, and when they were published."""

    region: str
    published: date
    hourly: Mapping[str, Decimal]
    gb_month: Mapping[str, Decimal]


@dataclass(frozen=True, slots=True)
class _Offer:
    name: str
    usd: Decimal
    published: date


def prices(cloud: Cloud, region: str) -> RegionPrices | None:
    """Return a region's prices, as they are now; None where none are listed.

    Raises: TransientCloudError, PermanentCloudError.
    """
    instances = list(_offers(cloud, region, _INSTANCES, attribute="instanceType", unit="Hrs"))
    volumes = list(_offers(cloud, region, _VOLUMES, attribute="volumeApiName", unit="GB-Mo"))
    if not instances:
        return None
    published = max(offer.published for offer in (*instances, *volumes))
    return RegionPrices(region, published, _plain(instances), _plain(volumes))


def _offers(
    cloud: Cloud, region: str, filters: Mapping[str, str], *, attribute: str, unit: str
) -> Iterator[_Offer]:
    for page in _pages(cloud, {**filters, "regionCode": region}):
        for text in page:
            yield from _read(text, attribute, unit)


def _pages(cloud: Cloud, filters: Mapping[str, str]) -> Iterator[list[str]]:
    client, token = cloud.client("pricing", HOME_REGION), None
    question = {
        "ServiceCode": _SERVICE,
        "FormatVersion": "aws_v1",
        "MaxResults": PAGE_SIZE,
        "Filters": [
            {"Type": "TERM_MATCH", "Field": field, "Value": value} for field, value in filters.items()
        ],
    }
    while True:
        with translated(_WHAT):
            answer = client.get_products(**question, **asked_with(token))
        if "PriceList" not in answer:
            raise torn(_WHAT, "no PriceList")
        yield answer["PriceList"]
        token = next_token(answer, token, _WHAT)
        if token is None:
            return


def _read(text: str, attribute: str, unit: str) -> Iterator[_Offer]:
    """Yield the price of a product; what is not priced by that unit, or costs nothing, is none of ours."""
    try:
        product = json.loads(text)
        name = product["product"]["attributes"].get(attribute)
        published = date.fromisoformat(product["publicationDate"][:10])
        dimensions = [
            dimension
            for term in product["terms"].get("OnDemand", {}).values()
            for dimension in term["priceDimensions"].values()
        ]
        amounts = [
            Decimal(dimension["pricePerUnit"]["USD"])
            for dimension in dimensions
            if dimension["unit"] == unit and "USD" in dimension["pricePerUnit"]
        ]
    except (KeyError, TypeError, ValueError, AttributeError, InvalidOperation) as error:
        raise torn(_WHAT, type(error).__name__) from None
    if name and len(amounts) == 1 and amounts[0].is_finite() and amounts[0] > 0:
        yield _Offer(name, amounts[0].normalize(), published)


def _plain(offers: list[_Offer]) -> dict[str, Decimal]:
    """Return the prices by name; of several, the least, since variants cost more."""
    found: dict[str, Decimal] = {}
    for offer in offers:
        found[offer.name] = min(offer.usd, found.get(offer.name, offer.usd))
    return dict(sorted(found.items()))
