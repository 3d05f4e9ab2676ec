"""Which processors an instance type may run on."""

import pytest

from analytics.carbon.processors import ARCHITECTURES, FAMILIES, HARD_DISKS, UNLISTED, candidates


@pytest.mark.parametrize(
    ("instance_type", "architectures"),
    [
        ("t3.micro", ("Skylake", "Cascade Lake")),
        ("m4.16xlarge", ("Haswell", "Broadwell")),
        ("m6a.large", ("EPYC 3rd Gen",)),
        ("c7g.medium", ("Graviton3",)),
        ("c7i-flex.large", ("Sapphire Rapids",)),
        ("r8g.metal-24xl", ("Graviton4",)),
    ],
)
def test_a_family_runs_on_what_it_is_known_to(instance_type, architectures):
    found = candidates(instance_type)
    assert (found.architectures, found.is_listed) == (architectures, True)


def test_the_family_counts_and_not_how_its_name_begins():
    assert candidates("m5zn.large") != candidates("m5.large")


def test_what_is_not_listed_may_be_anything_since_2017_but_not_before():
    assert candidates("m99x.large") is UNLISTED
    assert "Graviton4" in UNLISTED.architectures
    assert not {"Haswell", "Sandy Bridge"} & set(UNLISTED.architectures)


def test_every_family_has_figures():
    assert {name for each in FAMILIES.values() for name in each.architectures} == set(ARCHITECTURES)
    assert set(FAMILIES) >= HARD_DISKS


@pytest.mark.parametrize("family", ["gr6", "g4dn", "p4d", "vt1", "dl2q", "trn2u", "inf1"])
def test_families_with_accelerators_have_none(family):
    assert "accelerators" in candidates(f"{family}.xlarge")
