"""The energy and emissions of one instance or volume over the hours that it was there."""

from dataclasses import dataclass

from analytics.carbon.coefficients import COEFFICIENTS, Coefficient, Coefficients
from analytics.carbon.processors import ARCHITECTURES, HARD_DISKS, Candidates, Platform, candidates, family_of
from analytics.carbon.ranges import Range, is_amount

_MOST_PERCENT = 100.0
_TB_PER_GIB = 2**30 / 1e12
_SSD_VOLUMES = frozenset({"gp2", "gp3", "io1", "io2"})
_HDD_VOLUMES = frozenset({"sc1", "st1", "standard"})


@dataclass(frozen=True, slots=True)
class Machine:
    """What an instance type is made of; None is unknown. `local_disk_gb` are its own disks, not volumes."""

    instance_type: str
    vcpus: int | None
    memory_gib: float | None
    local_disk_gb: float = 0.0


@dataclass(frozen=True, slots=True)
class Usage:
    """What an instance did over a time; None and NaN are unknown.

    `hours` it was running, zero where it was stopped throughout. `cpu_percent` is the mean of the hours
    that were measured, which are `measured_share` (0 to 1) of those. `network_out_gb` is all that it sent in
    `network_share` of them.
    """

    hours: float | None
    cpu_percent: float | None
    measured_share: float = 1.0
    network_out_gb: float | None = None
    network_share: float = 1.0


@dataclass(frozen=True, slots=True)
class Footprint:
    """Energy at the data centre's meter (kWh) and emissions (kgCO2e), each null where unknown.

    `assumptions` say what the ranges allow for because it was not known, `reasons` why a figure is null.
    """

    energy_kwh: Range | None
    operational_kg: Range | None
    embodied_kg: Range | None
    assumptions: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()


def of_instance(
    machine: Machine, usage: Usage, *, region: str, coefficients: Coefficients = COEFFICIENTS
) -> Footprint:
    """Estimate what an instance caused: by running, and as its share of making the server (embodied).

    Source: https://www.cloudcarbonfootprint.org/docs/methodology, and docs/carbon.md for where this differs.
    """
    found = candidates(machine.instance_type)
    if isinstance(found, str):
        return Footprint(None, None, None, reasons=(found,))
    if machine.vcpus is None or machine.vcpus <= 0 or not is_amount(machine.memory_gib):
        return Footprint(None, None, None, reasons=(f"The size of {machine.instance_type} is unknown.",))
    if not is_amount(usage.hours):
        return Footprint(None, None, None, reasons=("How long it ran is unknown.",))
    busy, assumptions = _utilisation(usage, coefficients)
    if not found.is_listed:
        assumptions = (
            *assumptions,
            f"{family_of(machine.instance_type)} is not listed: any processor since 2017.",
        )
    network, unmeasured = _network_kwh(usage, coefficients)
    server = _Server(found, machine.vcpus, machine.memory_gib, coefficients)
    made_kg = server.made_kg() + _disk_made_kg(machine, coefficients)
    return _footprint(
        (server.kw(busy) + _disk_kw(machine, coefficients)) * usage.hours + network,
        region,
        coefficients,
        embodied_kg=made_kg * _share_of_life(usage.hours, coefficients),
        assumptions=(*assumptions, *unmeasured) if usage.hours else (),
    )


def of_volume(
    volume_type: str,
    size_gib: float | None,
    hours: float | None,
    *,
    region: str,
    coefficients: Coefficients = COEFFICIENTS,
) -> Footprint:
    """Estimate what an EBS volume caused in the hours that it was there, attached or not."""
    if not (is_amount(size_gib) and is_amount(hours)):
        return Footprint(None, None, None, reasons=("Its size, or how long it was there, is unknown.",))
    watts, assumptions = _volume_w_per_tb(volume_type, coefficients)
    energy = watts * coefficients.volume_copies.range * (size_gib * _TB_PER_GIB * hours / 1000)
    reason = "The method has no figure for making volumes."
    return _footprint(energy, region, coefficients, assumptions=assumptions, reasons=(reason,))


def _footprint(
    energy_kwh: Range,
    region: str,
    coefficients: Coefficients,
    *,
    embodied_kg: Range | None = None,
    assumptions: tuple[str, ...],
    reasons: tuple[str, ...] = (),
) -> Footprint:
    metered = energy_kwh * coefficients.pue.range
    grid = coefficients.grid(region)
    if grid is None:
        reasons = (f"What a kWh causes in {region or 'an unknown region'} is unknown.", *reasons)
    return Footprint(metered, None if grid is None else metered * grid, embodied_kg, assumptions, reasons)


@dataclass(frozen=True, slots=True)
class _Server:
    """The share of a server that an instance has, on each that it may be on."""

    found: Candidates
    vcpus: int
    memory_gib: float
    coefficients: Coefficients

    def kw(self, busy: Range) -> Range:
        """Return what its processors and memory draw."""
        each = [
            self._watts(name, platform, busy)
            for name in self.found.architectures
            for platform in self.found.platforms
        ]
        return Range.around(each) * self.coefficients.model.range * (1 / 1000)

    def made_kg(self) -> Range:
        """Return its share of what making the server caused: by vCPUs, and by GiB for further memory."""
        figures = self.coefficients

        def made(platform: Platform) -> float:
            share = self.vcpus / platform.vcpus
            chips = figures.server_kg + figures.further_chip_kg * (platform.chips - 1)
            more_gib = max(0.0, self.memory_gib - figures.memory_included_gib * share)
            return chips * share + figures.memory_kg_per_gib * more_gib

        return Range.around(Range.exactly(made(platform)) for platform in self.found.platforms)

    def _watts(self, name: str, platform: Platform, busy: Range) -> Range:
        chip = ARCHITECTURES[name]
        included_gib = chip.chip_gib * platform.chips * self.vcpus / platform.vcpus
        memory = self.coefficients.memory.range * max(0.0, self.memory_gib - included_gib)
        vcpu = Range.exactly(chip.idle_w) + busy * (chip.full_w - chip.idle_w)
        return vcpu * self.vcpus + memory


def _utilisation(usage: Usage, coefficients: Coefficients) -> tuple[Range, tuple[str, ...]]:
    """Return how busy it was (0 to 1): as measured, and anything plausible in the hours that were not."""
    plausible = coefficients.unmeasured_utilisation.range
    percent = usage.cpu_percent
    measured = usage.measured_share if is_amount(usage.measured_share) else 0.0
    if not is_amount(percent) or percent > _MOST_PERCENT:
        percent, measured = 0.0, 0.0
    measured = min(1.0, measured)
    if measured == 1:
        return Range.exactly(percent / _MOST_PERCENT), ()
    span = f"{plausible.low:.0%} to {plausible.high:.0%}"
    assumed = f"CPU not measured in {1 - measured:.0%} of the hours: {span} there."
    return Range.exactly(measured * percent / _MOST_PERCENT) + plausible * (1 - measured), (assumed,)


def _disk_kw(machine: Machine, coefficients: Coefficients) -> Range:
    """Return what its own disks draw; from nothing, since the processors' figures include some."""
    watts = _of_disk(machine, coefficients.ssd, coefficients.hdd).range.high
    return Range(0.0, watts * machine.local_disk_gb / 1e6)


def _disk_made_kg(machine: Machine, coefficients: Coefficients) -> Range:
    kg_per_tb = _of_disk(machine, coefficients.ssd_kg_per_tb, coefficients.hdd_kg_per_tb).range
    return kg_per_tb * (machine.local_disk_gb / 1000)


def _of_disk(machine: Machine, ssd: Coefficient, hdd: Coefficient) -> Coefficient:
    return hdd if family_of(machine.instance_type) in HARD_DISKS else ssd


def _network_kwh(usage: Usage, coefficients: Coefficients) -> tuple[Range, tuple[str, ...]]:
    """Return from nothing, where all that was sent stayed, to where all of it went to another data centre."""
    if not is_amount(usage.network_out_gb):
        return Range.exactly(0.0), ("Network not measured: left out.",)
    kwh = coefficients.network.range * usage.network_out_gb
    if usage.network_share < 1:
        return kwh, (f"Network not measured in {1 - usage.network_share:.0%} of the hours: left out there.",)
    return kwh, ()


def _share_of_life(hours: float, coefficients: Coefficients) -> Range:
    lifetime = coefficients.lifetime_hours.range
    return Range(hours / lifetime.high, hours / lifetime.low)


def _volume_w_per_tb(volume_type: str, coefficients: Coefficients) -> tuple[Range, tuple[str, ...]]:
    if volume_type in _SSD_VOLUMES:
        return coefficients.ssd.range, ()
    if volume_type in _HDD_VOLUMES:
        return coefficients.hdd.range, ()
    either = Range.around((coefficients.ssd.range, coefficients.hdd.range))
    return either, (f"Volume type {volume_type or 'unknown'}: solid state or hard disk.",)
