"""Pipelines that do no work but behave badly, or tell that time passes."""

import os
import signal
import time
from datetime import timedelta

from django.db import connection

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


class Crowd(Handler):
    """As many steps as the scope says, each so many seconds long: "40x0.5"; each writes its line once."""

    def plan(self):
        number = int(self._claim.run.scope.partition("x")[0])
        with connection.cursor() as cursor:
            cursor.execute("CREATE TABLE IF NOT EXISTS trial_lines (step bigint, line integer)")
        return [PlannedStep(f"crowd/{place}") for place in range(number)]

    def execute(self, step):
        time.sleep(float(self._claim.run.scope.partition("x")[2]))
        with self._claim.writing(), connection.cursor() as cursor:
            cursor.execute("INSERT INTO trial_lines VALUES (%s, 1)", [self._claim.work.pk])
        return Counts(written=1)


def register():
    """Tell the ledger of them; `tick` gets a schedule, which is off until it is needed."""
    often = timedelta(seconds=5)
    registry.register(Pipeline(name="tick", handler=Tick, every=often, title="Tick", misfire=Misfire.ALL))
    registry.register(Pipeline(name="poison", handler=Poison))
    registry.register(Pipeline(name="stuck", handler=Stuck))
    registry.register(Pipeline(name="crowd", handler=Crowd))
