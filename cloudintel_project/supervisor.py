"""Keeps programs running: restarts what dies, says so, and stops them all together."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Self

from cloudintel_project import processes
from cloudintel_project.processes import Child, Program, StartError

SETTLED_S = 20.0
LONGEST_BACKOFF_S = 30.0
START_ATTEMPTS = 3
ROTATE_EVERY_S = 60.0
STOP_PROGRAMS_S = 6.0
STOP_SERVERS_S = 2.5


def backoff_s(deaths: int) -> float:
    """Return the pause before the next start after so many deaths in a row: 1, 2, 4 … 30 seconds."""
    return min(LONGEST_BACKOFF_S, 2.0 ** (deaths - 1))


class Interrupts:
    """Turns the first SIGINT, SIGTERM or SIGHUP into KeyboardInterrupt; the second kills at once.

    Signals within a second of each other are one: a terminal and make may both pass it on.
    """

    def __init__(self, kill: Callable[[], None]) -> None:
        self._kill = kill
        self._first: float | None = None
        self._held = False

    def install(self) -> None:
        """Begin to listen; a SIGHUP that is ignored (nohup) stays ignored."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is not signal.SIG_IGN or number is signal.SIGINT:
                signal.signal(number, self._receive)

    def _receive(self, number: int, _frame: FrameType | None) -> None:
        if self._first is None:
            self._first = time.monotonic()
            if not self._held:
                raise KeyboardInterrupt
        elif time.monotonic() - self._first > 1:
            self._kill()
            os._exit(128 + number)

    def hold(self) -> None:
        """Raise no more; what is being done now, stopping, is what an interrupt asks for."""
        self._held = True

    @contextmanager
    def held(self) -> Iterator[None]:
        """Let the block finish before an interrupt is raised."""
        self._held = True
        try:
            yield
        finally:
            self._held = False
        if self._first is not None:
            raise KeyboardInterrupt


class _Kept:
    """A program that is to run, and how that has gone so far."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.child: Child | None = None
        self.deaths = 0
        self.leaves_by: float | None = None
        """Set once it is to end for good: when that is to have happened."""
        self._start_at = 0.0

    def start_when_due(self) -> None:
        if self.child is None and time.monotonic() >= self._start_at:
            processes.rotate(self.program.log)
            self.child = Child(self.program)

    def found_dead(self) -> tuple[str, list[str]] | None:
        """Return how the program has ended since the last look, and its last words; None when it has not."""
        child = self.child
        if child is None or (code := child.exit_code()) is None:
            return None
        processes.kill([child])
        processes.forget([child])
        self.child = None
        self.deaths = self.deaths + 1 if child.age_s < SETTLED_S else 1
        self._start_at = time.monotonic() + backoff_s(self.deaths)
        end = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
        return end, child.last_words()

    def dismiss(self, *, within_s: float) -> None:
        self.leaves_by = time.monotonic() + within_s
        if self.child is not None:
            self.child.ask_to_stop()

    def is_gone(self) -> bool:
        """Say whether a program that is to end has; what does not in time is killed."""
        if self.child is None or self.found_dead() is not None:
            return True
        if self.leaves_by is not None and time.monotonic() > self.leaves_by:
            processes.kill([self.child])
        return False


class Supervisor:
    """The programs of one data folder."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._kept: list[_Kept] = []
        self._rotated = time.monotonic()
        self._interrupts = Interrupts(self._kill)
        self.starting = True
        """Until this is unset, a program that keeps dying ends the start."""
        self.beside: Callable[[], None] = processes.nothing
        """What is done with each look after the programs."""

    def __enter__(self) -> Self:
        self._interrupts.install()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._interrupts.hold()
        self._stop()

    def start(self, programs: Sequence[Program]) -> None:
        """Start programs, all at once; servers come first, since they are stopped last."""
        for program in programs:
            kept = _Kept(program)
            with self._interrupts.held():
                self._kept.append(kept)
                kept.start_when_due()

    def names(self) -> set[str]:
        """Return the names of the programs, of those that are on their way out, too."""
        return {kept.program.name for kept in self._kept}

    def dismiss(self, name: str, *, within_s: float) -> None:
        """Have a program end for good, of which nothing is said; it is killed where it does not in time."""
        for kept in self._kept:
            if kept.program.name == name:
                kept.dismiss(within_s=within_s)

    def tick(self) -> None:
        """Look after the programs; to be called a few times a second. Raises: StartError."""
        self._kept = [kept for kept in self._kept if kept.leaves_by is None or not kept.is_gone()]
        for kept in self._kept:
            if kept.leaves_by is None:
                self._look_after(kept)
        self.beside()
        if time.monotonic() - self._rotated > ROTATE_EVERY_S:
            self._rotated = time.monotonic()
            for kept in self._kept:
                processes.rotate(kept.program.log)

    def _look_after(self, kept: _Kept) -> None:
        if (death := kept.found_dead()) is not None:
            self._report(kept, *death)
        with self._interrupts.held():
            kept.start_when_due()

    def _report(self, kept: _Kept, end: str, last_words: list[str]) -> None:
        log = kept.program.log
        told = "\n".join(f"    {line}" for line in last_words)
        if self.starting and kept.deaths >= START_ATTEMPTS:
            raise StartError(f"{kept.program.name} {end} {kept.deaths} times. The end of {log}:\n{told}")
        pause = f"{backoff_s(kept.deaths):.0f} s"
        self._say(f"{kept.program.name} {end}; it starts again in {pause}. The end of {log}:\n{told}")

    def wait_until(self, condition: Callable[[], bool], *, within_s: float, what: str) -> None:
        """Look after the programs until the condition holds. Raises: StartError when it does not in time."""
        deadline = time.monotonic() + within_s
        while not condition():
            if time.monotonic() > deadline:
                raise StartError(f"{what} did not happen within {within_s:.0f} s; the logs say why.")
            self.tick()
            time.sleep(0.05)

    def wait_ready(self, programs: Sequence[Program], *, within_s: float) -> None:
        """Wait until each of these programs is ready. Raises: StartError."""
        waiting = list(programs)
        while waiting:
            program = waiting.pop()
            self.wait_until(program.is_ready, within_s=within_s, what=f"The start of {program.name}")

    def serve(self) -> None:
        """Look after the programs until interrupted."""
        while True:
            self.tick()
            time.sleep(0.2)

    def _children(self, *, servers: bool) -> list[Child]:
        return [
            kept.child for kept in self._kept if kept.child is not None and kept.program.is_server is servers
        ]

    def _stop(self) -> None:
        """Stop the programs, then the servers they need; nothing is left behind."""
        for servers, within_s in ((False, STOP_PROGRAMS_S), (True, STOP_SERVERS_S)):
            killed = processes.stop(self._children(servers=servers), within_s=within_s)
            if killed:
                self._say(f"Killed after {within_s:.0f} s: {', '.join(killed)}.")

    def _kill(self) -> None:
        processes.kill([*self._children(servers=False), *self._children(servers=True)])
        sys.stderr.write("Killed.\n")
