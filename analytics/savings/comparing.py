"""How far two price tables of one region differ."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from analytics.savings.prices import PriceTable

NOTICEABLE = Decimal("0.001")
"""A smaller share is what AWS's rounding of small sizes makes."""


@dataclass(frozen=True, slots=True)
class Compared:
    """How many prices both tables have, in how many they differ, and by how many percent at most."""

    common: int
    differ: int
    largest_percent: float


def compared(shipped: PriceTable, fetched: PriceTable) -> dict[str, Compared]:
    """Compare the prices of instance types and of volume types."""
    return {
        "instance_types": _compared(shipped.hourly, fetched.hourly),
        "volume_types": _compared(shipped.gb_month, fetched.gb_month),
    }


def _compared(ours: Mapping[str, Decimal], theirs: Mapping[str, Decimal]) -> Compared:
    shares = [abs(usd / theirs[name] - 1) for name, usd in ours.items() if theirs.get(name)]
    differ = [share for share in shares if share > NOTICEABLE]
    return Compared(len(shares), len(differ), round(float(100 * max(differ, default=Decimal(0))), 2))
