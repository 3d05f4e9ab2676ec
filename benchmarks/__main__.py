"""`make bench`: runs the benchmarks named, or the two short ones, on servers and a database of their own.

The last line printed is one JSON object of the figures. With RECORD=1 they are added to RESULTS.md.
"""

import json
import os
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

from tests import services

DEFAULT = ("parse", "ingest")
WITHOUT_DATABASE = ("anomaly", "forecast", "savings", "scaling")
NAMES = (
    *DEFAULT,
    "collect",
    "samples",
    "scale",
    "decide",
    "ticks",
    "observe",
    "pool",
    "billing",
    "reliability",
    "workers",
    "reads",
    "pages",
    *WITHOUT_DATABASE,
)
SIZES = ("n", "points", "gb")
RESULTS = Path(__file__).with_name("RESULTS.md")


@contextmanager
def empty_database() -> Iterator[None]:
    """Set Django up on servers that exist only meanwhile, so that their work can be told from others'."""
    for name in ("DATABASE_URL", "REDIS_URL"):
        os.environ.pop(name, None)
    services.provide()
    os.environ["DJANGO_SETTINGS_MODULE"] = "cloudintel_project.settings"
    import django  # noqa: PLC0415  # the settings read what was provided just now
    from django.db import connection  # noqa: PLC0415

    django.setup()
    name = connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    try:
        yield
    finally:
        connection.creation.destroy_test_db(name, verbosity=0)


def machine() -> str:
    """Describe this machine as far as a figure depends on it."""
    return f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"


def record(benchmark: str, figures: dict[str, Any]) -> None:
    """Add the plain figures to RESULTS.md, those of different sizes under different names."""
    when = datetime.now(UTC).date()
    size = "".join(f"_{name}{figures[name]:g}" for name in SIZES if name in figures)
    with RESULTS.open("a") as file:
        for name, value in plain(figures).items():
            figure = f"{benchmark}{size}_{name.removeprefix(f'{benchmark}_')}"
            file.write(f"| {when} | {machine()} | {figure} | {value} |\n")


def plain(figures: dict[str, Any]) -> dict[str, float | None]:
    """Leave out what is more than a figure, such as those of each trace."""
    return {name: value for name, value in figures.items() if not isinstance(value, dict | list)}


def main(names: list[str]) -> int:
    """Run the benchmarks; return the exit code."""
    if unknown := set(names) - set(NAMES):
        sys.stderr.write(f"error: no benchmark {', '.join(unknown)}; there are {', '.join(NAMES)}.\n")
        return 2
    figures: dict[str, Any] = {}
    chosen = names or DEFAULT
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # what is compared is work, not cores
    with nullcontext() if set(chosen) <= set(WITHOUT_DATABASE) else empty_database():
        for name in chosen:
            found: dict[str, Any] = import_module(f"benchmarks.bench_{name}").measure()
            for figure, value in plain(found).items():
                sys.stdout.write(f"{figure:<45}{value!s:>12}\n")
            if os.environ.get("RECORD") == "1":
                record(name, found)
            figures |= found
    sys.stdout.write(json.dumps(figures) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
