"""Sizing the pool: recorded loads against a fixed pool, the thresholds alone, and the automation.

`TRACES=DIR` names a folder of `timestamp,requests` CSV files, .gz or not. Without it the loads beside the
checkout are taken: requests a minute of two web sites, and the processors of clusters and of every fifth
machine of Azure's 2017 trace, which are five minutes apart and interpolated. The automation's parameters were
chosen on those of `CHOSEN_ON`, which have a star; the others show whether they hold elsewhere.
"""

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np

from benchmarks import traces
from core.errors import InvalidInputError
from dbops import simulation
from dbops.replaying import Automatic
from dbops.simulation import Fixed, Outcome, Policy, Reactive, Trace

SHARED = Path(__file__).parents[2] / "shared" / "data"
FLEETS = {
    "azure_v2": ("fleet_azure_v2_vm_cpu_readings_month_aggregated_cpu_mem.csv.gz", "cpu_usage"),
    "google_2019": ("fleet_google2019_instance_usage_grouped_300_seconds_month.csv.gz", "avg_cpu"),
    "alibaba_2018": (
        "fleet_alibaba2018_machine_usage_days_1_to_8_grouped_300_seconds.csv.gz",
        "cpu_util_percent",
    ),
}
MACHINES = ("azure_v1_100vm_cpu_avg.csv.gz", slice(1, None, 5))
STEP_S = 300
CHOSEN_ON = ("nasa", "azure_v2", "alibaba_2018", *(f"azure_v1_{place}" for place in (0, 10, 20, 30, 40)))
POLICIES: dict[str, Callable[[], Policy]] = {
    "fixed": Fixed,
    "reactive": Reactive,
    "automatic": lambda: Automatic(simulation.LIMITS),
}
HEAD = ("trace", "policy", "peaks met", "saturated min", "idle conn-min", "events")
ROW = "{:<24}{:<11}{:>10}{:>15}{:>15}{:>8}\n"

Outcomes = dict[str, Outcome]


def measure() -> dict[str, float]:
    """Return what became of each trace under each policy, and print the table of it."""
    found: dict[str, Outcomes] = {}
    sys.stdout.write(ROW.format(*HEAD))
    try:
        for trace in given():
            found[trace.name] = {name: simulation.run(trace, make()) for name, make in POLICIES.items()}
            _show(trace.name, found[trace.name])
    except InvalidInputError as error:
        raise SystemExit(f"error: {error}") from error
    figures = {
        f"{name}_{policy}_{figure}": float(value)
        for name, outcomes in found.items()
        for policy, outcome in outcomes.items()
        for figure, value in asdict(outcome).items()
    }
    return figures | _together(list(found.values()))


def given() -> Iterator[Trace]:
    """Yield the loads to try. Raises: InvalidInputError."""
    if folder := os.environ.get("TRACES"):
        yield from _in_folder(Path(folder))
    elif SHARED.is_dir():
        yield from _in_folder(SHARED / "request_traces")
        yield from _machines(SHARED / "vm_traces")
    else:
        raise InvalidInputError("there are no loads beside the checkout: name a folder of them, TRACES=DIR.")


def _in_folder(folder: Path) -> Iterator[Trace]:
    files = sorted((*folder.glob("*.csv"), *folder.glob("*.csv.gz")))
    if not files:
        raise InvalidInputError(f"{folder} has no CSV files of timestamp,requests.")
    yield from map(traces.read, files)


def _machines(folder: Path) -> Iterator[Trace]:
    for name, (file, column) in FLEETS.items():
        for _, values in traces.columns(folder / file, (column,)):
            yield _five_minutes(name, values)
    file, chosen = MACHINES
    for place, (_, values) in enumerate(traces.columns(folder / file, chosen)):
        yield _five_minutes(f"azure_v1_{place * (chosen.step or 1)}", values)


def _five_minutes(name: str, values: simulation.Floats) -> Trace:
    return traces.trace(name, STEP_S * np.arange(len(values), dtype=np.float64), values)


def _show(name: str, outcomes: Outcomes) -> None:
    mark = "*" if not os.environ.get("TRACES") and name in CHOSEN_ON else ""
    for policy, each in outcomes.items():
        met = f"{each.peaks_met}/{each.peaks}"
        figures = (each.saturated_minutes, each.idle_connection_minutes, each.scaling_events)
        sys.stdout.write(ROW.format(name + mark, policy, met, *figures))


def _together(outcomes: list[Outcomes]) -> dict[str, float]:
    """Compare the automation with the others over all traces: shares that are less, minutes that are more."""

    def total(policy: str, figure: str) -> int:
        return sum(getattr(each[policy], figure) for each in outcomes)

    def fewer(than: str, figure: str) -> float:
        before = total(than, figure)
        return round(1 - total("automatic", figure) / before, 3) if before else 0.0

    return {
        "fewer_saturated_minutes_than_reactive": fewer("reactive", "saturated_minutes"),
        "fewer_scaling_events_than_reactive": fewer("reactive", "scaling_events"),
        "fewer_idle_connection_minutes_than_fixed": fewer("fixed", "idle_connection_minutes"),
        "more_saturated_minutes_than_fixed": float(
            total("automatic", "saturated_minutes") - total("fixed", "saturated_minutes")
        ),
    }
