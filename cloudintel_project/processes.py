"""Child processes: each in a session of its own, recorded, and stopped with all that it started.

A child asks the kernel (on Linux) to be stopped when its parent dies. What outlives its parent all the
same is found by its record in the data folder, and stopped before the next start.
"""

import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from cloudintel_project import home
from core.errors import CloudIntelError
from core.logs import readable

LOG_LIMIT_BYTES = 5_000_000
LAST_WORDS = 12
KILL_S = 2.0
_PR_SET_PDEATHSIG = 1
# The clock that process start times are reckoned from may be corrected by this much between two looks.
_CLOCK_SLACK_S = 2.0
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


class StartError(CloudIntelError):
    """CloudIntel cannot start; the message says why and how to mend it."""


@dataclass(frozen=True, slots=True)
class Owner:
    """The user and group that a process runs as."""

    uid: int
    gid: int


def nothing() -> None:
    """Do nothing."""


def always() -> bool:
    """Say yes."""
    return True


@dataclass(frozen=True, kw_only=True)
class Program:
    """Something to keep running: how it is started, known to be ready, and stopped."""

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: Path = home.PROJECT_ROOT
    owner: Owner | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    before_start: Callable[[], None] = nothing
    is_ready: Callable[[], bool] = always
    is_server: bool = False
    """Whether others need it, so that it is stopped after them."""

    @property
    def log(self) -> Path:
        """The file that takes what the program prints."""
        return home.home() / "logs" / f"{self.name}.log"


class Child:
    """A program that was started."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.started = time.monotonic()
        program.before_start()
        self._log_start = size(program.log)
        self._popen = _spawn(program)
        self.pid = self._popen.pid
        _record(program, self.pid)

    def exit_code(self) -> int | None:
        """Return how the program ended, None while it runs; a negative number is a signal's."""
        return self._popen.poll()

    def ask_to_stop(self) -> None:
        """Send the program its stop signal, when it still runs."""
        self._popen.send_signal(self.program.stop_signal)

    def await_end(self, *, within_s: float) -> None:
        """Wait until the program has ended, or for so long."""
        with suppress(subprocess.TimeoutExpired):
            self._popen.wait(within_s)

    def last_words(self) -> list[str]:
        """Return the end of what the program printed."""
        lines = last_lines(self.program.log, after=self._log_start)
        return [text for line in lines for text in readable(line)][-LAST_WORDS:]

    @property
    def age_s(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self.started


def _spawn(program: Program) -> subprocess.Popen[bytes]:
    owner = program.owner
    home.make_folder(program.log.parent)
    with program.log.open("ab") as log:
        return subprocess.Popen(
            program.argv,
            env=dict(program.env),
            cwd=program.cwd,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            # Safe beside threads: it calls one C function, loaded before the fork.
            preexec_fn=_end_with_parent(os.getpid(), program.stop_signal),  # noqa: PLW1509
            user=owner.uid if owner else None,
            group=owner.gid if owner else None,
            extra_groups=[] if owner else None,
        )


def _end_with_parent(parent: int, stop_signal: signal.Signals) -> Callable[[], None] | None:
    """Have the kernel send the signal when the parent dies; a change of user before would undo it."""
    libc = _libc
    if libc is None:
        return None

    def ask() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, int(stop_signal), 0, 0, 0)
        if os.getppid() != parent:
            os.kill(os.getpid(), signal.SIGKILL)

    return ask


# --- Records ---------------------------------------------------------------------------------
def _records() -> Path:
    return home.home() / "run" / "children"


def _record(program: Program, pid: int) -> None:
    try:
        born = psutil.Process(pid).create_time()
    except psutil.NoSuchProcess:
        return
    line = json.dumps({"pid": pid, "born": born, "stop_signal": int(program.stop_signal)})
    home.write_private(_records() / program.name, line)


def forget(children: Iterable[Child]) -> None:
    """Remove the records of children that have ended."""
    for child in children:
        (_records() / child.program.name).unlink(missing_ok=True)


def stop_leftovers(*, within_s: float = 10.0) -> list[str]:
    """Stop what an earlier supervisor of this data folder left running; return the names."""
    records = [path for path in _records().glob("*") if path.is_file()]
    found = {path.name: _left_by(json.loads(path.read_text())) for path in records}
    everyone = _united(*found.values())
    psutil.wait_procs(everyone, timeout=within_s)
    _kill(everyone)
    for path in records:
        path.unlink()
    return sorted(name for name, group in found.items() if group)


def _left_by(record: dict[str, float]) -> list[psutil.Process]:
    """Return what is left of a recorded child's session, after asking it to stop."""
    pid = int(record["pid"])
    family = _session(pid)
    leader = next((process for process in family if process.pid == pid), None)
    if leader is None:
        return family
    try:
        if abs(leader.create_time() - record["born"]) > _CLOCK_SLACK_S:
            return []
        family = _united(family, leader.children(recursive=True))
        leader.send_signal(int(record["stop_signal"]))
    except psutil.NoSuchProcess:
        pass
    return family


def _session(leader: int) -> list[psutil.Process]:
    """Return the processes of the session, its leader alive or not; zombies do not count."""
    return [process for process in psutil.process_iter() if _is_in_session(process, leader)]


def _is_in_session(process: psutil.Process, leader: int) -> bool:
    try:
        return os.getsid(process.pid) == leader and _lives(process)
    except (ProcessLookupError, PermissionError):
        return False


def _united(*groups: Iterable[psutil.Process]) -> list[psutil.Process]:
    return list({process.pid: process for group in groups for process in group}.values())


# --- Stopping --------------------------------------------------------------------------------
def stop(children: Iterable[Child], *, within_s: float) -> list[str]:
    """Ask all at once to end, then kill what is left of them; return the names of the killed."""
    running = [child for child in children if child.exit_code() is None]
    families = [family(child) for child in running]
    for child in running:
        child.ask_to_stop()
    deadline = time.monotonic() + within_s
    for child in running:
        child.await_end(within_s=max(0.0, deadline - time.monotonic()))
    killed = [child.program.name for child in running if child.exit_code() is None]
    _kill(_united(*families, *(_session(child.pid) for child in running)))
    for child in running:
        child.await_end(within_s=1)
    forget(running)
    return killed


def family(child: Child) -> list[psutil.Process]:
    """Return the child and all that it started, in its session or below it."""
    try:
        below = psutil.Process(child.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        below = []
    return _united(_session(child.pid), below)


def kill(children: Iterable[Child]) -> None:
    """End the children and all that they started, without asking."""
    _kill(_united(*(family(child) for child in children)))


def _kill(processes: Sequence[psutil.Process]) -> None:
    """Kill the processes and wait until the kernel is done with it."""
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    deadline = time.monotonic() + KILL_S
    while any(_lives(process) for process in processes) and time.monotonic() < deadline:
        time.sleep(0.01)


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


# --- Logs and ports --------------------------------------------------------------------------
def rotate(log: Path) -> None:
    """Keep a log that has grown too long aside, as NAME.log.1, and begin anew.

    Its writer appends, so that truncating the file under it is safe.
    """
    if log.exists() and log.stat().st_size > LOG_LIMIT_BYTES:
        home.write_private(log.with_name(f"{log.name}.1"), log.read_text(errors="replace")[-LOG_LIMIT_BYTES:])
        os.truncate(log, 0)


def size(log: Path) -> int:
    """Return the length of a log in bytes, 0 when there is none."""
    return log.stat().st_size if log.exists() else 0


def last_lines(log: Path, *, after: int = 0, count: int = LAST_WORDS) -> list[str]:
    """Return the end of a log, of what was written after so many bytes; empty when there is none."""
    if not log.exists():
        return []
    with log.open("rb") as file:
        file.seek(max(after if after <= size(log) else 0, size(log) - 16_384))
        return file.read().decode(errors="replace").splitlines()[-count:]


def free_port() -> int:
    """Return a port of the loopback address that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def check_port(host: str, port: int) -> None:
    """Make sure that the address can be listened on. Raises: StartError naming it."""
    try:
        kind, _type, _protocol, _name, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        raise StartError(
            f"Port {port} on {host} cannot be used: {error.strerror or error}. Choose another with PORT."
        ) from error
