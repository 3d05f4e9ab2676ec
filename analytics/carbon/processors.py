"""Which processors an instance type may run on: those named for its family, or all that it could be."""

import re
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Architecture:
    """Watts of one vCPU when idle and when full, and the memory of a chip (GiB) that these include.

    Source: Cloud Carbon Footprint coefficients for AWS, from the SPECpower database.
    """

    idle_w: float
    full_w: float
    chip_gib: float


@dataclass(frozen=True, slots=True)
class Platform:
    """The server that instances are cut from."""

    chips: int
    vcpus: int


@dataclass(frozen=True, slots=True)
class Candidates:
    """What a family may run on; `is_listed` is false where that is a guess."""

    architectures: tuple[str, ...]
    platforms: tuple[Platform, ...]
    is_listed: bool


_EPYC_2 = Architecture(0.4742621527777777, 1.6929615162037035, 129.77777777777777)

ARCHITECTURES: Mapping[str, Architecture] = {
    "Sandy Bridge": Architecture(2.212243200231481, 8.630870594765684, 17.071428571428573),
    "Ivy Bridge": Architecture(1.7074305555555556, 5.5569444444444445, 13.333333333333334),
    "Haswell": Architecture(1.8573529411764707, 5.595383986928105, 31.058823529411764),
    "Broadwell": Architecture(0.7128342245989305, 3.685327540106952, 69.6470588235294),
    "Coffee Lake": Architecture(1.138425925925926, 5.421759259259259, 19.555555555555557),
    "Skylake": Architecture(0.6129888539040325, 4.104170352960531, 75.09995781995782),
    "Cascade Lake": Architecture(0.6902978319127387, 4.063193520161689, 105.972049689441),
    "Ice Lake": Architecture(0.766796875, 3.7582031249999996, 136.0),
    "Sapphire Rapids": Architecture(1.0362861003136936, 4.160476336606656, 130.79521276595744),
    "Emerald Rapids": Architecture(0.8140104166666666, 4.48203125, 160.0),
    "Granite Rapids": Architecture(0.5815883902616279, 2.5274707237711422, 221.13636363636363),
    "EPYC 1st Gen": Architecture(0.8467881944444444, 2.6041666666666665, 92.44444444444444),
    "EPYC 2nd Gen": _EPYC_2,
    "EPYC 3rd Gen": Architecture(0.45562453497023814, 1.957333519345238, 137.14285714285714),
    "EPYC 4th Gen": Architecture(0.7391482469512195, 2.282155106707317, 152.1951219512195),
    "EPYC 5th Gen": Architecture(3.6824237779748152, 8.96143545344501, 74.61726023148064),
    # SPECpower has no Graviton: the method takes the EPYC of Graviton2's time for all of them.
    "Graviton2": _EPYC_2,
    "Graviton3": _EPYC_2,
    "Graviton3E": _EPYC_2,
    "Graviton4": _EPYC_2,
}

_OLD = ("Sandy Bridge", "Ivy Bridge", "Haswell", "Broadwell", "Coffee Lake")
_NEW = tuple(name for name in ARCHITECTURES if name not in _OLD)

# Architectures, (chips, vCPUs) of the servers, families. Sources: AWS's pages on instance types, and for the
# servers Teads 2021 or the largest size of the family. The 5th EPYC's figures are four times those of the
# 4th, which no other source confirms: its families range from the one to the other.
_ROWS: tuple[tuple[tuple[str, ...], tuple[tuple[int, int], ...], str], ...] = (
    (("Sandy Bridge", "Ivy Bridge"), ((2, 32),), "cc2 cr1 m1 m2 m3 t1"),
    (("Ivy Bridge",), ((2, 40),), "c3 i2 r3"),
    (("Ivy Bridge",), ((2, 48),), "c1"),
    (("Haswell",), ((2, 40),), "c4"),
    (("Haswell",), ((2, 48),), "d2"),
    (("Haswell",), ((4, 128),), "x1 x1e"),
    (("Haswell", "Broadwell"), ((2, 48), (2, 72)), "m4 t2"),
    (("Broadwell",), ((2, 72),), "h1 i3 r4"),
    (("Coffee Lake",), ((1, 12),), "mac1"),
    (("Skylake",), ((2, 72),), "c5n"),
    (("Skylake",), ((2, 48),), "z1d"),
    (("Skylake", "Cascade Lake"), ((2, 72), (2, 96)), "c5 c5d"),
    (("Skylake", "Cascade Lake"), ((2, 96),), "i3en m5 m5d r5 r5d t3"),
    (("Skylake", "Cascade Lake"), ((4, 224), (8, 448)), "u-3tb1 u-6tb1 u-9tb1 u-12tb1 u-18tb1 u-24tb1"),
    (("Cascade Lake",), ((2, 96),), "d3 d3en m5dn m5n r5b r5dn r5n"),
    (("Cascade Lake",), ((2, 48),), "m5zn x2iezn"),
    (("Ice Lake",), ((2, 64),), "hpc6id"),
    (
        ("Ice Lake",),
        ((2, 128),),
        "c6i c6id c6in i4i m6i m6id m6idn m6in r6i r6id r6idn r6in x2idn x2iedn",
    ),
    (("Sapphire Rapids",), ((2, 128),), "r7iz"),
    (("Sapphire Rapids",), ((2, 192),), "c7i c7i-flex m7i m7i-flex r7i"),
    (
        ("Sapphire Rapids",),
        ((4, 448), (8, 896)),
        "u7i-6tb u7i-8tb u7i-12tb u7in-16tb u7in-24tb u7in-32tb",
    ),
    (("Emerald Rapids",), ((2, 192),), "i7i i7ie"),
    (
        ("Granite Rapids",),
        ((2, 384),),
        (
            "c8i c8i-flex c8ib c8id c8in c8ine m8i m8i-flex m8ib m8id m8idb m8idn m8in m8ine "
            "r8i r8i-flex r8ib r8id r8idb r8idn r8in t8i x8i"
        ),
    ),
    (("EPYC 1st Gen", "Graviton2"), ((1, 16),), "a1"),
    (("EPYC 1st Gen",), ((2, 96),), "m5a m5ad r5a r5ad t3a"),
    (("EPYC 2nd Gen",), ((1, 96),), "c5a c5ad"),
    (("EPYC 3rd Gen",), ((2, 96),), "hpc6a"),
    (("EPYC 3rd Gen",), ((2, 192),), "c6a m6a r6a"),
    (("EPYC 4th Gen",), ((2, 192),), "c7a hpc7a m7a r7a"),
    (("EPYC 4th Gen", "EPYC 5th Gen"), ((2, 192),), "c8a hpc8a m8a r8a"),
    (("EPYC 4th Gen", "EPYC 5th Gen"), ((2, 96),), "m8azn x8aedz"),
    (("Graviton2",), ((1, 32),), "is4gen"),
    (("Graviton2",), ((1, 64),), "c6g c6gd c6gn i4g im4gn m6g m6gd r6g r6gd t4g x2gd"),
    (("Graviton3",), ((1, 64),), "c7g c7gd m7g m7gd r7g r7gd"),
    (("Graviton3E",), ((1, 64),), "c7gn hpc7g"),
    (
        ("Graviton4",),
        ((1, 96), (2, 192)),
        "c8g c8gb c8gd c8gn i8g i8ge m8g m8gb m8gd m8gn r8g r8gb r8gd r8gn x8g",
    ),
)

FAMILIES: Mapping[str, Candidates] = {
    family: Candidates(names, tuple(Platform(*each) for each in platforms), is_listed=True)
    for names, platforms, families in _ROWS
    for family in families.split()
}

UNLISTED = Candidates(_NEW, (Platform(1, 64), Platform(2, 72), Platform(2, 384)), is_listed=False)
"""What is not listed is newer than the list: any architecture since 2017."""

HARD_DISKS = frozenset({"d2", "d3", "d3en", "h1"})
"""Families whose own disks are not solid."""

# Accelerators draw most of what such a server draws, and nothing here measures them.
_ACCELERATED = re.compile(r"(?:dl|f|g|gr|inf|p|trn|vt)\d")
_APPLE = re.compile(r"mac(?:2|-)")


def family_of(instance_type: str) -> str:
    return instance_type.partition(".")[0]


def candidates(instance_type: str) -> Candidates | str:
    """Return what an instance type may run on, or why the method has no figures for it."""
    family = family_of(instance_type)
    if _ACCELERATED.match(family):
        return f"{family} has accelerators, whose load is not measured."
    if _APPLE.match(family):
        return f"{family} has Apple's processors, of which the method has no figures."
    return FAMILIES.get(family, UNLISTED)
