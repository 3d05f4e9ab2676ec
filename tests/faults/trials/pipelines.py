"""Pipelines that do no work but behave badly, or tell that time passes."""

import os
import signal
import time
from datetime import timedelta

from cloudintel_project import home
from pipelines import registry
from pipelines.misfires import Misfire
from pipelines.registry import Counts, Handler, Pipeline, PlannedStep

STUCK_S = 120.0


def gate():
    """The file that keeps the steps of `stuck` where they are while it exists."""
    return home.home() / "gate"


class Tick(Handler):
    """One step without work, by which it is seen when a slot was served."""

    def plan(self):
        return [PlannedStep("tick")]

    def execute(self, step):
        return Counts(ticks=1)


class Poison(Tick):
    """A step that kills the process that does it."""

    def plan(self):
        return [PlannedStep("poison")]

    def execute(self, step):
        os.kill(os.getpid(), signal.SIGKILL)


class Stuck(Tick):
    """A step that stands still in the middle of writing, until the gate opens."""

    def plan(self):
        return [PlannedStep("stuck")]

    def execute(self, step):
        with self._claim.writing():
            (gate().parent / "at-gate").touch()
            deadline = time.monotonic() + STUCK_S
            while gate().exists() and time.monotonic() < deadline:
                time.sleep(0.05)
        return Counts(written=1)


def register():
    """Tell the ledger of them; `tick` gets a schedule, which is off until it is needed."""
    often = timedelta(seconds=5)
    registry.register(Pipeline(name="tick", handler=Tick, every=often, title="Tick", misfire=Misfire.ALL))
    registry.register(Pipeline(name="poison", handler=Poison))
    registry.register(Pipeline(name="stuck", handler=Stuck))
