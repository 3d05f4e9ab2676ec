"""Which prices count in a region: those that were fetched, and else those that are shipped."""

from collections.abc import Iterable, Mapping
from decimal import Decimal

from analytics.models import PriceList
from analytics.savings.facts import catalogue
from analytics.savings.market import Market
from analytics.savings.prices import PriceTable, shipped


def table(region: str) -> PriceTable:
    """Return a region's prices."""
    stored = PriceList.objects.filter(region=region).first()
    return shipped(region) if stored is None else fetched(stored)


def tables(regions: Iterable[str]) -> dict[str, PriceTable]:
    """Return the prices of several regions, by one query."""
    wanted = set(regions)
    stored = {each.region: fetched(each) for each in PriceList.objects.filter(region__in=wanted)}
    return {region: stored.get(region) or shipped(region) for region in wanted}


def fetched(stored: PriceList) -> PriceTable:
    """Return prices as they were fetched."""
    return PriceTable(
        stored.region, stored.source, stored.date, _decimals(stored.hourly), _decimals(stored.gb_month)
    )


def _decimals(texts: Mapping[str, str]) -> dict[str, Decimal]:
    return {name: Decimal(text) for name, text in texts.items()}


class Markets(dict[str, Market]):
    """What each region offers, at the prices that count as this is made."""

    def __missing__(self, region: str) -> Market:
        self[region] = market = Market(catalogue(), table(region))
        return market
