"""The project's tables, held against the published ones that lie beside the checkout."""

import csv
from dataclasses import replace
from pathlib import Path

import pytest

from analytics.carbon.coefficients import COEFFICIENTS, GRIDS
from analytics.carbon.footprint import Machine, Usage, of_instance
from analytics.carbon.processors import ARCHITECTURES, Candidates, candidates

from .builders import POINTS, exactly

FOLDER = Path(__file__).parents[4] / "shared" / "data" / "carbon"
pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason=f"{FOLDER} is not there")


def rows(name):
    with (FOLDER / name).open(newline="") as file:
        return list(csv.DictReader(file))


def number(text):
    return float(text.replace(",", "."))


def machines():
    """The EC2 types without accelerators, whose family is listed, with their published rows."""
    made = {row["type"]: row for row in rows("coefficients-aws-embodied.csv")}
    for row in rows("aws-instances.csv"):
        name, found = row["Instance type"], candidates(row["Instance type"])
        is_one = isinstance(found, Candidates) and found.is_listed and name.count(".") == 1
        if is_one and row["Platform GPU Quantity"] == "N/A" and name != "t1.micro":
            yield (
                Machine(name, int(row["Instance vCPU"]), number(row["Instance Memory (in GB)"])),
                row,
                made[name],
            )


def test_each_architecture_has_the_published_watts_and_memory():
    published = {
        row["Architecture"]: (float(row["Min Watts"]), float(row["Max Watts"]), float(row["GB/Chip"]))
        for row in rows("coefficients-aws-use.csv")
    }
    ours = {name: (each.idle_w, each.full_w, each.chip_gib) for name, each in ARCHITECTURES.items()}
    assert ours == published


def test_each_region_has_the_published_grid():
    published = {
        row["Region"]: float(row["CO2e (metric ton/kWh)"]) * 1000
        for row in rows("grid-emissions-factors-aws.csv")
    }
    ours = {region: grid.kg_per_kwh for region, grid in GRIDS.items() if region in published}
    assert ours == pytest.approx(published)
    assert set(GRIDS) - set(published) == {"ap-south-2", "ap-southeast-4"}


def test_making_a_whole_server_is_the_published_figure():
    """Of types that fill a server of the size listed here; a part of them."""
    checked = 0
    for machine, row, made in machines():
        platform = (int(row["Platform Total Number of vCPU"]), number(row["Platform Memory (in GB)"]))
        if (machine.vcpus, machine.memory_gib) != platform:
            continue
        found = of_instance(machine, Usage(35040, 0.0), region="us-east-1", coefficients=POINTS)
        published = number(made["total"]) - number(made["additional_storage"])
        assert found.embodied_kg.low * 0.999 <= published <= found.embodied_kg.high * 1.001, machine
        checked += 1
    assert checked >= 40


@pytest.mark.parametrize(("percent", "share"), [(10, 0.8), (50, 0.9), (100, 0.9)])
def test_the_range_holds_what_teads_measured_on_most_types(percent, share):
    """An hour, without what is uncertain about the data centre."""
    servers = replace(COEFFICIENTS, pue=exactly(1))
    held = [
        energy.low <= number(row[f"Instance @ {percent}%"]) / 1000 <= energy.high
        for machine, row, _ in machines()
        for energy in [
            of_instance(
                machine, Usage(1, float(percent)), region="us-east-1", coefficients=servers
            ).energy_kwh
        ]
    ]
    assert len(held) > 300
    assert sum(held) / len(held) >= share
