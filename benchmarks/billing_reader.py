"""Reads the billing file named in a process of its own, and prints how long that took and how much memory."""

import json
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import django

django.setup()

from collectors.billing.reading import read  # noqa: E402  # its models need Django
from collectors.billing.tagging import MOST_KEYS  # noqa: E402


def peak_mb() -> float:
    """Return the most memory that this process ever held."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1000


def main(file: Path, memory_mb: int) -> None:
    """Read the file to its last row."""
    start, now = time.perf_counter(), datetime.now(UTC)
    with read(
        file, now=now, scratch=file.parent, memory_mb=memory_mb, on_progress=lambda _percent: None
    ) as found:
        rows = sum(1 for _ in found.rows())
        tag_rows = sum(1 for _ in found.tagged_rows((found.tags or ())[:MOST_KEYS]))
        seconds = time.perf_counter() - start
        figures = {"seconds": seconds, "peak_mb": peak_mb(), "lines": found.lines, "rows": rows}
        figures["tag_rows"] = tag_rows
    sys.stdout.write(json.dumps(figures))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
