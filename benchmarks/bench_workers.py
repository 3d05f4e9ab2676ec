"""Workers by backlog: how long `make run WORKERS=0..10` takes from none to ten and back, and what is lost.

A whole CloudIntel of its own collects from the demo cloud and then rests, until no worker is left. Then a run
of N steps (240) of SECONDS each (1) is started. `seconds_to_ten` is the time from then until ten workers have
taken steps, `seconds_to_none` that from the run's end to the end of the last worker. It is counted how many
steps were not done, and how many wrote their line more than once.
"""

import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from importlib import import_module
from typing import Any

# Tests are not typed.
Elastic: Any = import_module("tests.elastic").Elastic
MOST = 10
PATIENCE_S = 180.0
_TAKEN = (
    "SELECT count(DISTINCT split_part(worker, '/', 1)) FROM pipelines_step"
    " WHERE starts_with(name, 'crowd/') AND attempt > 0"
)


def measure() -> dict[str, float]:
    """Return the seconds up and down, and what was lost or doubled."""
    number, each_s = int(os.environ.get("N") or 240), float(os.environ.get("SECONDS") or 1)
    with Elastic(most=MOST) as stack:
        stack.start()
        _until(lambda: not stack.workers())
        began = time.monotonic()
        slot = stack.order(f"{number}x{each_s}")
        _until(lambda: stack.books.one(_TAKEN) == MOST)
        up_s = time.monotonic() - began
        run = _until(lambda: stack.books.ended("crowd", slot))
        _until(lambda: not stack.workers())
        down_s = (datetime.now(UTC) - run.finished_at).total_seconds()
        written = stack.written(run.id)
        return {
            "n": number,
            "seconds_to_ten": round(up_s, 1),
            "seconds_to_none": round(down_s, 1),
            "lost_steps": number - len(set(written)),
            "doubled_steps": len(written) - len(set(written)),
            "lost_workers": run.lost_workers,
        }


def _until(condition: Callable[[], Any]) -> Any:
    """Return what the condition gives, as soon as it does."""
    deadline = time.monotonic() + PATIENCE_S
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise SystemExit(f"It did not happen within {PATIENCE_S:.0f} s.")
        time.sleep(0.1)
    return found
