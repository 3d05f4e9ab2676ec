"""What instances and volumes cost: a table with its source and date. An unknown price is None, never zero."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import cache

from analytics.savings import price_list
from analytics.savings.facts import catalogue
from analytics.savings.reasons import Reason
from collectors.aws.instance_types import family

HOURS_A_MONTH = Decimal(730)
"""Source: the AWS pricing calculator, which counts a year of 8,760 hours as twelve equal months."""

LINUX = "Linux/UNIX"

_LARGE = 4
_UNITS = {"nano": "0.25", "micro": "0.5", "small": "1", "medium": "2", "large": "4", "xlarge": "8"}
"""Source: AWS's normalisation factors of instance sizes; n·xlarge has n times an xlarge's."""


@dataclass(frozen=True, slots=True)
class Quote:
    """A price in US dollars, or why there is none."""

    usd: Decimal | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class PriceTable:
    """What one region asks: USD an hour by instance type, USD a GB-month by volume type."""

    region: str
    source: str
    date: date | None
    hourly: Mapping[str, Decimal] = field(default_factory=dict)
    gb_month: Mapping[str, Decimal] = field(default_factory=dict)

    def month(self, instance_type: str, platform: str = LINUX) -> Quote:
        """Return what an instance that never stops costs a month, at the prices of Linux on demand."""
        if platform not in ("", LINUX):
            return Quote(None, f"The prices are those of Linux, and this instance's platform is {platform}.")
        usd = self.hourly.get(instance_type)
        if usd is None:
            return Quote(None, self._unknown(instance_type))
        return Quote(usd * HOURS_A_MONTH)

    def storage(self, volume_type: str, size_gib: int) -> Quote:
        """Return what a volume's storage costs a month; provisioned IOPS and throughput come on top."""
        usd = self.gb_month.get(volume_type)
        if usd is None:
            return Quote(None, self._unknown(f"{volume_type} volumes"))
        return Quote(usd * size_gib)

    def _unknown(self, what: str) -> Reason:
        return Reason(
            f"The price of {what} in {self.region} is not known.", f"Its price in {self.region} is not known."
        )


@cache
def shipped(region: str) -> PriceTable:
    """Return the prices that CloudIntel ships for a region; an empty table where it has none."""
    listed = price_list.REGIONS.get(region)
    if listed is None:
        return PriceTable(region, price_list.SOURCE, None)
    of_large = _parsed(listed.large)
    hourly = {
        name: of_large[family(name)] * units / _LARGE
        for name in catalogue()
        if family(name) in of_large and (units := size_units(name)) is not None
    }
    return PriceTable(region, listed.source, listed.date, hourly | _parsed(listed.odd), _parsed(listed.ebs))


def size_units(name: str) -> Decimal | None:
    """Return how large a size is, a large being 4; None for bare metal, whose sizes have other names."""
    size = name.partition(".")[2]
    times, _, xlarge = size.partition("xlarge")
    if times.isdecimal() and not xlarge:
        return int(times) * Decimal(_UNITS["xlarge"])
    return Decimal(_UNITS[size]) if size in _UNITS else None


def _parsed(text: str) -> dict[str, Decimal]:
    """Read "name 0.1, name 0.2"."""
    pairs = (pair.split() for pair in text.split(",") if pair)
    return {name: Decimal(usd) for name, usd in pairs}
