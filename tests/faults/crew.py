"""Programs that are started again whenever they have died, as a service manager would."""

from contextlib import suppress

import psutil

from cloudintel_project import processes
from cloudintel_project.processes import Child

_TOLD_LINES = 15


class Crew:
    """Programs by their names; whoever waits has to look after them now and then."""

    def __init__(self):
        self._children = {}
        self.deaths = 0
        """How many programs were found dead and started again."""

    def start(self, *wanted):
        """Run these programs from now on."""
        for program in wanted:
            self._children[program.name] = Child(program)

    def look_after(self):
        """Start again what has died."""
        for name, child in self._children.items():
            if child.exit_code() is not None:
                processes.kill([child])
                self._children[name] = Child(child.program)
                self.deaths += 1

    def dismiss(self, *names, within_s=8):
        """End programs for good."""
        children = [self._children.pop(name) for name in names]
        processes.stop(children, within_s=within_s)
        processes.forget(children)

    def dismiss_all(self):
        """End everything, servers after those that need them."""
        for is_server in (False, True):
            self.dismiss(*(one.name for one in self.programs() if one.is_server is is_server))

    def programs(self):
        """Return all programs."""
        return [child.program for child in self._children.values()]

    def program(self, name):
        """Return the program of that name."""
        return self._children[name].program

    def names(self, kind):
        """Return the names of the programs of a kind, such as io, cpu or beat."""
        return sorted(name for name in self._children if name.startswith(f"{kind}-"))

    # --- Processes ---------------------------------------------------------------------------
    def pids(self, name):
        """Return the processes of a program, itself and those that it started."""
        return {process.pid for process in processes.family(self._children[name])}

    def below(self, name):
        """Return the processes that a program started, in a fixed order."""
        return sorted(self.pids(name) - {self._children[name].pid})

    def kill(self, *names):
        """Kill programs with all that they started."""
        processes.kill([self._children[name] for name in names])

    def signal(self, number, *pids):
        """Send a signal to processes that may have ended."""
        for pid in pids:
            with suppress(psutil.NoSuchProcess):
                psutil.Process(pid).send_signal(number)

    def stop(self, name, *, within_s):
        """Ask a program to end, and kill what is left of it; say whether it ended by itself."""
        return not processes.stop([self._children[name]], within_s=within_s)

    # --- Logs --------------------------------------------------------------------------------
    def said(self, name, text):
        """Return how often a program has printed that text, in all its lives: compare it with before."""
        return self.program(name).log.read_text(errors="replace").count(text)

    def last_words(self):
        """Return the end of all logs, without the repairs that find nothing to do."""
        for program in self.programs():
            lines = processes.last_lines(program.log, count=200)
            yield f"--- {program.name}"
            yield from [line for line in lines if "reconcile" not in line][-_TOLD_LINES:]
