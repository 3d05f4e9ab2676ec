"""Smaller sizes recommended from a fortnight of recorded machines, judged by the fortnight after it.

Each machine is offered half its processors, with half its memory and with all of it. A recommendation was
safe where the 99th percentile of the following fortnight, on what was recommended, stays at or below 80 % of
the CPU and, where it is measured and was halved, of the memory. `TRACES=DIR` names a folder of other files of
the two kinds: `bitbrains_*.csv.gz` and `azure_v1_*_cpu_avg.csv.gz`.
"""

import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np

from analytics.savings import schedule, sizing, waste
from analytics.savings.market import Market
from analytics.savings.prices import PriceTable
from analytics.savings.records import Kind, Machine, Recommendation
from analytics.savings.usage import LEAST_DAYS, Floats, Usage, measured
from collectors.aws.instance_types import InstanceFacts

FOLDER = Path(__file__).parents[2] / "shared" / "data" / "vm_traces"
DAYS = 14
DAY_S = 86_400
HOUR_S = 3600
PERIOD_S = 300
CHOSEN_HOURS = schedule.LEAST_WEEKS * schedule.CELLS
MBIT_A_KB = 0.008
AZURE_VCPUS = 8
"""Azure does not tell how many processors its machines had; any even number makes the same shares."""

PRESENT, HALF, HALF_CPU = "m1.present", "m1.half", "r1.half"


@dataclass(frozen=True, slots=True)
class Trace:
    """A recorded machine: seconds from its first midnight on, percent, megabits a second."""

    name: str
    vcpus: int
    memory_mib: int
    times_s: Floats
    cpu: Floats
    memory: Floats | None = None
    network: Floats | None = None

    def fortnight(self, which: int) -> Usage | None:
        """Sum up the first fortnight (0) or the second (1)."""
        return measured(
            self.times_s,
            self.cpu,
            memory=self.memory,
            network=self.network,
            start_s=which * DAYS * DAY_S,
            days=DAYS,
            period_s=PERIOD_S,
        )


def measure() -> dict[str, float]:
    """Return how many recommendations there were, and which share of them was safe, by trace and together."""
    folder = Path(os.environ.get("TRACES", FOLDER))
    counts = {name: Counter(tallied(read(folder))) for name, read in READERS.items()}
    whole = sum(counts.values(), Counter[str]())
    if not whole["machines"]:
        raise SystemExit(f"error: {folder} has no traces: name a folder of them, TRACES=DIR.")
    for name, count in counts.items():
        sys.stdout.write(f"{name}: {count['safe']} of {count['recommendations']} were safe; {dict(count)}\n")
    by_trace = {
        f"{name}_{figure}": value
        for name, count in counts.items()
        for figure, value in _figures(count).items()
    }
    return by_trace | _figures(whole)


def tallied(traces: Iterator[Trace]) -> Iterator[str]:
    """Name what is recommended of each machine, and what became of that; to be counted."""
    for trace in traces:
        first, second = trace.fortnight(0), trace.fortnight(1)
        yield "machines"
        if first is None or second is None or second.cpu.days < LEAST_DAYS:
            yield "unjudged"
            continue
        machine, market = Machine(resource=trace.name, region="", instance_type=PRESENT), offered(trace)
        verdict = sizing.downsized(Kind.OVERSIZED, machine, first, market)
        if isinstance(verdict, Recommendation):
            yield "recommendations"
            if is_safe(verdict, second):
                yield "safe"
        if isinstance(waste.idle(machine, first, market), Recommendation):
            yield "idle_recommendations"
            if isinstance(waste.idle(machine, second, market), Recommendation):
                yield "idle_safe"
        yield from _scheduled(trace, machine, market)


def offered(trace: Trace) -> Market:
    """Return what a machine can become: half of it, and half its processors with all of its memory."""
    halves = {PRESENT: (1, 1, "1"), HALF: (2, 2, "0.5"), HALF_CPU: (2, 1, "0.65")}
    facts = {
        name: InstanceFacts(
            name=name,
            vcpus=trace.vcpus // cpu_part,
            memory_mib=trace.memory_mib // memory_part,
            architectures=("x86_64",),
        )
        for name, (cpu_part, memory_part, _) in halves.items()
        if trace.vcpus % cpu_part == 0
    }
    prices = {name: Decimal(usd) for name, (_, _, usd) in halves.items()}
    return Market(facts, PriceTable("", "shares of the present price", date.min, prices))


def is_safe(recommendation: Recommendation, after: Usage) -> bool:
    """Say whether what came would have left the smaller size within its limit."""
    is_half = recommendation.to_type == HALF
    loads = [after.cpu, after.memory if is_half else None]
    return all(2 * load.p99 <= sizing.LIMIT for load in loads if load is not None)


def bitbrains(folder: Path) -> Iterator[Trace]:
    """Read GWA-T-12 machines. What was given no processors at a time is not known of that time."""
    for path in sorted(folder.glob("bitbrains_*.csv.gz")):
        rows = np.loadtxt(path, delimiter=",", skiprows=1)
        for vm in np.unique(rows[:, 0]):
            of = rows[(rows[:, 0] == vm) & (rows[:, 2] > 0) & (rows[:, 5] > 0)]
            if not len(of):
                continue
            midnight = of[:, 1].min() // DAY_S * DAY_S
            yield Trace(
                name=f"bitbrains-{vm:.0f}",
                vcpus=int(np.median(of[:, 2])),
                memory_mib=int(np.median(of[:, 5])) // 1024,
                times_s=of[:, 1] - midnight,
                cpu=of[:, 4],
                memory=100 * of[:, 6] / of[:, 5],
                network=MBIT_A_KB * (of[:, 9] + of[:, 10]),
            )


def azure(folder: Path) -> Iterator[Trace]:
    """Read Azure's machines of 2017, of which the CPU alone is known."""
    for path in sorted(folder.glob("azure_v1_*_cpu_avg.csv.gz")):
        rows = np.loadtxt(path, delimiter=",", skiprows=1)
        for column in range(1, rows.shape[1]):
            yield Trace(f"azure-{column}", AZURE_VCPUS, 1024 * AZURE_VCPUS, rows[:, 0], rows[:, column])


READERS: dict[str, Callable[[Path], Iterator[Trace]]] = {"bitbrains": bitbrains, "azure_v1": azure}


def _scheduled(trace: Trace, machine: Machine, market: Market) -> Iterator[str]:
    """Name each hour of the fourth week that a schedule of the first three leaves out, and each quiet one."""
    place = ((trace.times_s - trace.times_s.min()) // HOUR_S).astype(np.int64)
    cpu = np.full(place.max() + 1, np.nan)
    np.fmax.at(cpu, place, trace.cpu)
    before, after = cpu[:CHOSEN_HOURS], cpu[CHOSEN_HOURS : CHOSEN_HOURS + schedule.CELLS]
    calendar = schedule.calendar(np.arange(len(before)), ZoneInfo("UTC"))
    rhythm = schedule.rhythm(calendar, before)
    if not isinstance(schedule.scheduled(machine, rhythm, market), Recommendation):
        return
    yield "schedules"
    is_off = schedule.off_cells(rhythm.cpu, schedule.LEAST_WEEKS)
    hours = after[is_off[calendar.cells[0, : len(after)]] & ~np.isnan(after)]
    yield from ["schedule_hours"] * len(hours)
    yield from ["schedule_quiet_hours"] * int((hours < waste.IDLE_CPU_PERCENT).sum())


def _figures(count: Counter[str]) -> dict[str, float]:
    names = (
        "machines",
        "unjudged",
        "recommendations",
        "safe",
        "idle_recommendations",
        "idle_safe",
        "schedules",
    )
    shares = {
        "precision": ("safe", "recommendations"),
        "idle_precision": ("idle_safe", "idle_recommendations"),
        "schedule_quiet": ("schedule_quiet_hours", "schedule_hours"),
    }
    found = {name: float(count[name]) for name in names}
    return found | {
        name: round(count[part] / count[whole], 4) for name, (part, whole) in shares.items() if count[whole]
    }
