"""Workers that come and go with the ledger's backlog: `make run WORKERS=0..10`.

The supervisor starts them as soon as there is more work than they take, and stops those that do nothing once
less has been wanted for a while. What they do, and what there is, the ledger knows, which a thread asks every
second: a database that hangs holds up no signal, and one that does not answer changes nothing.
"""

import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, Self

from django.db import DatabaseError, InterfaceError, connection

from cloudintel_project import programs
from cloudintel_project.processes import Program
from core.errors import InvalidInputError

MOST = 50
"""A worker takes two connections while it works; the embedded PostgreSQL has two hundred."""
LOOK_EVERY_S = 1.0
STALE_S = 5.0
CALM_S = 15.0
LEAVE_S = 10.0
_BOUNDS = re.compile(r"([0-9]{1,3})(?:\.\.([0-9]{1,3}))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Bounds:
    """How many workers there are at least and at most."""

    least: int
    most: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `0..10`, or one number for both. Raises: InvalidInputError."""
        found = _BOUNDS.fullmatch(text.strip())
        if found is None:
            raise InvalidInputError(f"WORKERS must be such as 0..10, or one number, not {text!r}.")
        least, most = int(found[1]), int(found[2] or found[1])
        if not (least <= most and 1 <= most <= MOST):
            raise InvalidInputError(
                f"WORKERS must be LEAST..MOST, MOST from 1 to {MOST} and LEAST not above it, not {text!r}."
            )
        return cls(least, most)


@dataclass(frozen=True, slots=True)
class Look:
    """What the ledger said: how much work there is, the extra workers wanted, and the nodes at work."""

    count: int
    extra: int
    busy: frozenset[str]
    at: float


class Watch:
    """Looks at the ledger in a thread of its own."""

    def __init__(self) -> None:
        self.last: Look | None = None
        """The last look that the database answered."""

    def begin(self) -> Self:
        """Start the thread, which ends with the process."""
        threading.Thread(target=self._go_on, name="backlog", daemon=True).start()
        return self

    def _go_on(self) -> None:
        while True:
            self.look()
            time.sleep(LOOK_EVERY_S)

    def look(self) -> None:
        """Look once; where the database does not answer, the last look stays."""
        from pipelines import backlog  # noqa: PLC0415 - models come when Django is ready

        began = time.monotonic()
        try:
            self.last = Look(backlog.count(), backlog.extra(), frozenset(backlog.busy()), began)
        except (DatabaseError, InterfaceError):
            connection.close()


class Keeper(Protocol):
    """What keeps programs running: the supervisor."""

    def start(self, programs: Sequence[Program]) -> None:
        """Start programs."""

    def dismiss(self, name: str, *, within_s: float) -> None:
        """Have a program end for good."""

    def names(self) -> set[str]:
        """Return the names of the programs, of those that are on their way out, too."""


class Elastic:
    """Decides how many workers there are, at each new look."""

    def __init__(
        self, keeper: Keeper, bounds: Bounds, *, env: Mapping[str, str], say: Callable[[str], None]
    ) -> None:
        self._keeper = keeper
        self._bounds = bounds
        self._env = env
        self._say = say
        self._working = list(range(1, bounds.least + 1))
        self._decided = 0.0
        self._asked: list[tuple[float, int]] = []
        """How many workers were wanted when, lately: no more are stopped than that leaves."""

    def first(self) -> list[Program]:
        """Return the workers that are always there."""
        return [self._program(number) for number in self._working]

    def follow(self, look: Look | None, now: float) -> None:
        """Have as many workers as the look asks for; nothing changes where it is old, or was followed."""
        if look is None or now - look.at > STALE_S:
            self._asked = []
        elif look.at > self._decided:
            self._decided = look.at
            self._decide(look)

    def _decide(self, look: Look) -> None:
        from pipelines import backlog  # noqa: PLC0415 - models come when Django is ready

        wanted = backlog.wanted(look.count, look.extra, self._bounds.least, self._bounds.most)
        before = len(self._working)
        asked = self._asked or [(look.at, before)]
        self._asked = [*(one for one in asked if look.at - one[0] < CALM_S), (look.at, wanted)]
        if wanted > before:
            self._grow(wanted)
        else:
            self._shrink(max(number for _, number in self._asked), look.busy)
        if (after := len(self._working)) != before:
            self._say(f"{_workers(after)} instead of {before}; work ready or being done: {look.count}.")

    def _grow(self, wanted: int) -> None:
        """Start what is missing, all at once; the name of one that is still ending is not free yet."""
        taken = self._keeper.names()
        free = [number for number in range(1, self._bounds.most + 1) if _name(number) not in taken]
        for number in free[: wanted - len(self._working)]:
            self._working.append(number)
            self._keeper.start([self._program(number)])

    def _shrink(self, wanted: int, busy: frozenset[str]) -> None:
        """Stop what is too many and does nothing; of what begins something just now, nothing is lost."""
        idle = [number for number in sorted(self._working) if programs.node(_name(number)) not in busy]
        for number in idle[max(0, len(idle) - (len(self._working) - wanted)) :]:
            self._working.remove(number)
            self._keeper.dismiss(_name(number), within_s=LEAVE_S)

    def _program(self, number: int) -> Program:
        return programs.worker_elastic(number, env=self._env)


def _name(number: int) -> str:
    return programs.elastic_name(number)


def _workers(number: int) -> str:
    return f"{number} worker" if number == 1 else f"{number} workers"
