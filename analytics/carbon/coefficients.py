"""What things draw, cost to make and cause where they run: the figures of the method, with their sources."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from analytics.carbon.ranges import Range

_CCF = "Cloud Carbon Footprint (Apache-2.0)"
_EPA = "US EPA eGRID, NERC region, as in Cloud Carbon Footprint"
_EEA = "European Environment Agency, as in Cloud Carbon Footprint"
_FOOTPRINT = "carbonfootprint.com country factors, as in Cloud Carbon Footprint"
_EMA = "Energy Market Authority of Singapore, as in Cloud Carbon Footprint"


@dataclass(frozen=True, slots=True)
class Coefficient:
    """One figure of the method, within its bounds, and who says so."""

    range: Range
    unit: str
    source: str


@dataclass(frozen=True, slots=True)
class Grid:
    """What a kilowatt-hour causes in a region on the average of a year, by location (not by contract)."""

    kg_per_kwh: float
    source: str


@dataclass(frozen=True, slots=True)
class Coefficients:
    """All figures but those of the processors, as they were put together on one day."""

    as_of: date
    model: Coefficient
    unmeasured_utilisation: Coefficient
    memory: Coefficient
    ssd: Coefficient
    hdd: Coefficient
    volume_copies: Coefficient
    network: Coefficient
    pue: Coefficient
    server_kg: float
    further_chip_kg: float
    memory_kg_per_gib: float
    memory_included_gib: float
    ssd_kg_per_tb: Coefficient
    hdd_kg_per_tb: Coefficient
    lifetime_hours: Coefficient
    grid_spread: Coefficient
    grids: Mapping[str, Grid]

    def grid(self, region: str) -> Range | None:
        """Return kgCO2e a kWh in that region; None where no figure is known."""
        found = self.grids.get(region)
        return None if found is None else self.grid_spread.range * found.kg_per_kwh


def _grids(source: str, **kg_per_kwh: float) -> dict[str, Grid]:
    return {region.replace("_", "-"): Grid(value, source) for region, value in kg_per_kwh.items()}


GRIDS: Mapping[str, Grid] = {
    **_grids(
        _EPA,
        us_east_1=0.415755,
        us_east_2=0.440187,
        us_west_1=0.350861,
        us_west_2=0.350861,
        us_gov_east_1=0.415755,
        us_gov_west_1=0.350861,
    ),
    **_grids(
        _EEA,
        eu_central_1=0.338,
        eu_west_1=0.316,
        eu_west_2=0.228,
        eu_west_3=0.052,
        eu_north_1=0.008,
        eu_south_1=0.233,
    ),
    **_grids(_EMA, ap_southeast_1=0.4085),
    **_grids(
        _FOOTPRINT,
        af_south_1=0.928,
        ap_east_1=0.81,
        ap_northeast_1=0.506,
        ap_northeast_2=0.5,
        ap_northeast_3=0.506,
        ap_south_1=0.708,
        ap_southeast_2=0.79,
        ca_central_1=0.13,
        cn_north_1=0.555,
        cn_northwest_1=0.555,
        me_south_1=0.732,
        sa_east_1=0.074,
    ),
    **_grids(
        f"{_FOOTPRINT}; the country's figure, for its second region", ap_south_2=0.708, ap_southeast_4=0.79
    ),
}

COEFFICIENTS = Coefficients(
    as_of=date(2026, 11, 30),
    model=Coefficient(
        Range(1.0, 3.0),
        "times the method's watts of a server",
        f"From {_CCF}'s own figures to the watts that Teads (2021) measured on the same machines, which are "
        "higher: docs/carbon.md.",
    ),
    unmeasured_utilisation=Coefficient(
        Range(0.0, 0.5),
        "share of the vCPUs",
        "The means of 113 machines of Azure (Cortez et al. 2017) and Bitbrains (Shen et al. 2015) were "
        f"between 0 and 0.5; {_CCF} takes 0.5 (US Data Center Energy Usage Report, LBNL 2016).",
    ),
    memory=Coefficient(
        Range(0.375, 0.4083),
        "W per GiB beyond what the processor's figure includes",
        f"Crucial and Micron, of whose figures {_CCF} takes the mean, 0.392.",
    ),
    ssd=Coefficient(Range(1.2, 1.2), "W per TB", f"{_CCF}: 6 W for 5 TB, from LBNL 2016."),
    hdd=Coefficient(Range(0.65, 0.65), "W per TB", f"{_CCF}: 6.5 W for 10 TB, from LBNL 2016."),
    volume_copies=Coefficient(Range(2, 2), "copies of an EBS volume", f"{_CCF}, replication factors."),
    network=Coefficient(
        Range(0.0, 0.001),
        "kWh per GB sent",
        f"{_CCF}: 0.001 between data centres, and next to nothing within one.",
    ),
    pue=Coefficient(
        Range(1.04, 1.25),
        "energy of the data centre per energy of its servers",
        "Amazon's sustainability pages: 1.04 at its best site and 1.15 on average (2024), 1.14 (2025); IDC "
        f"2025, as cited there: 1.25 for public clouds; {_CCF} takes 1.135.",
    ),
    server_kg=1000.0,
    further_chip_kg=100.0,
    memory_kg_per_gib=533 / 384,
    memory_included_gib=16.0,
    ssd_kg_per_tb=Coefficient(
        Range(100 / 7.5, 100 / 0.9),
        "kg per TB",
        "Teads 2021: 100 kg a drive, of 7.5 TB (i3en) to 0.9 TB (m5d).",
    ),
    hdd_kg_per_tb=Coefficient(
        Range(50 / 14, 50 / 2), "kg per TB", "Teads 2021: 50 kg a drive, of 14 TB (d3en) to 2 TB (d2, h1)."
    ),
    lifetime_hours=Coefficient(
        Range(4 * 8760, 6 * 8760),
        "hours that a server serves",
        f"{_CCF}: four years; Amazon's annual report for 2023: six years.",
    ),
    grid_spread=Coefficient(
        Range(0.8, 1.2),
        "times the region's figure",
        f"Our judgement: two releases of {_CCF} differ by up to 10 % for the US, years and publishers "
        "by more.",
    ),
    grids=GRIDS,
)
"""`server_kg` and what follows it: a server with one chip and 16 GiB, further chips, and further memory.

Source: Teads, Building an AWS EC2 carbon emissions dataset (2021), which Cloud Carbon Footprint uses. The
memory's is from Dell's study of the PowerEdge R740 (533 kg for 384 GiB).
"""
