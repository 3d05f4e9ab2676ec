"""What an instance type is: processors, memory, bandwidth, family and generation.

Source: DescribeInstanceTypes of EC2. Baseline utilisation of burstable types: the EC2 user guide, "Key
concepts for burstable performance instances", since the API does not tell it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_NAME = re.compile(r"(?P<letters>[a-z]+)(?P<generation>\d*)(?P<rest>[a-z0-9-]*)")
_FLEX = "-flex"
_ACCELERATORS = ("GpuInfo", "FpgaInfo", "InferenceAcceleratorInfo", "NeuronInfo", "MediaAcceleratorInfo")
_T3_PERCENT = {
    "nano": 5.0,
    "micro": 10.0,
    "small": 20.0,
    "medium": 20.0,
    "large": 30.0,
    "xlarge": 40.0,
    "2xlarge": 40.0,
}
_BASELINE_PERCENT = {
    "t2": _T3_PERCENT | {"xlarge": 22.5, "2xlarge": 17.0},
    "t3": _T3_PERCENT,
    "t3a": _T3_PERCENT,
    "t4g": _T3_PERCENT,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceFacts:
    """An instance type; None is unknown. Bandwidths are what is sustained, not what is reached in bursts.

    `baseline_percent` is the CPU utilisation that a burstable type sustains, `local_disk_gb` the size of the
    instance store.
    """

    name: str
    vcpus: int
    memory_mib: int
    architectures: tuple[str, ...]
    virtualizations: tuple[str, ...] = ()
    manufacturer: str = ""
    hypervisor: str = ""
    burstable: bool = False
    baseline_percent: float | None = None
    bare_metal: bool = False
    accelerated: bool = False
    instance_store: bool = False
    local_disk_gb: int = 0
    network_mbps: float | None = None
    ebs_mbps: float | None = None

    @property
    def family(self) -> str:
        """What stands before the dot: m7i-flex."""
        return family(self.name)

    @property
    def group(self) -> str:
        """Return the letters before the generation, and whether the CPU is flexible: m, c, r, t, m-flex."""
        return _parts(self.name)[0]

    @property
    def generation(self) -> int:
        """Return the number in the family's name, 0 where it has none."""
        return _parts(self.name)[1]

    @property
    def credit_vcpus(self) -> float | None:
        """Return how many whole processors the type sustains; None where that is not known."""
        if not self.burstable:
            return float(self.vcpus)
        return None if self.baseline_percent is None else self.vcpus * self.baseline_percent / 100


def family(name: str) -> str:
    """Return what stands before a type's dot: m5 of m5.large."""
    return name.partition(".")[0]


def from_api(raw: Mapping[str, Any]) -> InstanceFacts:
    """Translate a member of DescribeInstanceTypes' answer. Raises: KeyError without the essentials."""
    name: str = raw["InstanceType"]
    burstable = raw.get("BurstablePerformanceSupported", False)
    processor = raw["ProcessorInfo"]
    return InstanceFacts(
        name=name,
        vcpus=raw["VCpuInfo"]["DefaultVCpus"],
        memory_mib=raw["MemoryInfo"]["SizeInMiB"],
        architectures=tuple(processor["SupportedArchitectures"]),
        virtualizations=tuple(raw.get("SupportedVirtualizationTypes", ())),
        manufacturer=processor.get("Manufacturer", ""),
        hypervisor=raw.get("Hypervisor", ""),
        burstable=burstable,
        baseline_percent=_baseline_percent(name) if burstable else None,
        bare_metal=raw.get("BareMetal", False),
        accelerated=any(raw.get(member) for member in _ACCELERATORS),
        instance_store=raw.get("InstanceStorageSupported", False),
        local_disk_gb=raw.get("InstanceStorageInfo", {}).get("TotalSizeInGB", 0),
        network_mbps=_network_mbps(raw.get("NetworkInfo", {})),
        ebs_mbps=_ebs_mbps(raw.get("EbsInfo", {})),
    )


def _parts(name: str) -> tuple[str, int]:
    found = _NAME.match(family(name))
    if found is None:
        return family(name), 0
    flex = _FLEX if found["rest"].endswith(_FLEX) else ""
    return found["letters"] + flex, int(found["generation"] or 0)


def _baseline_percent(name: str) -> float | None:
    return _BASELINE_PERCENT.get(family(name), {}).get(name.partition(".")[2])


def _ebs_mbps(ebs: Mapping[str, Any]) -> float | None:
    """Return the bandwidth kept for volumes: none where a type shares its network's with them."""
    if ebs.get("EbsOptimizedSupport") == "unsupported":
        return 0.0
    baseline: float | None = ebs.get("EbsOptimizedInfo", {}).get("BaselineBandwidthInMbps")
    return baseline


def _network_mbps(network: Mapping[str, Any]) -> float | None:
    """Add the cards' baselines up; unknown where any is."""
    cards = [card.get("BaselineBandwidthInGbps") for card in network.get("NetworkCards", ())]
    return None if not cards or None in cards else 1000 * sum(cards)
