"""The recorded loads that benchmarks replay: those beside the checkout, or a folder's.

`TRACES=DIR` names a folder of `timestamp,requests` CSV files, .gz or not. Without it the loads beside the
checkout are taken: requests a minute of two web sites, and the processors of clusters and of every fifth
machine of Azure's 2017 trace, which are five minutes apart and interpolated.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks import traces
from core.errors import InvalidInputError
from dbops.simulation import Floats, Trace

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
"""The loads on which parameters were chosen; the others show whether they hold elsewhere."""


def given() -> Iterator[Trace]:
    """Yield the loads to try. Raises: InvalidInputError."""
    if folder := os.environ.get("TRACES"):
        yield from _in_folder(Path(folder))
    elif SHARED.is_dir():
        yield from _in_folder(SHARED / "request_traces")
        yield from _machines(SHARED / "vm_traces")
    else:
        raise InvalidInputError("there are no loads beside the checkout: name a folder of them, TRACES=DIR.")


def mark(name: str) -> str:
    """Return the star of a load that parameters were chosen on."""
    return "*" if not os.environ.get("TRACES") and name in CHOSEN_ON else ""


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


def _five_minutes(name: str, values: Floats) -> Trace:
    return traces.trace(name, STEP_S * np.arange(len(values), dtype=np.float64), values)
