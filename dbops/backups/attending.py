"""Long work under supervision: while it goes on, its owner gives signs of life."""

import re
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import TypeVar

from core.errors import CloudIntelError
from dbops.backups.errors import BackupError, CutShortError, NotMadeError

Result = TypeVar("Result")
Beat = Callable[[], None]

BEAT_S = 5.0
LONGEST_S = 6 * 3600
_QUOTED_LINES = 5
_ENDED_BY = {-signal.SIGHUP, -signal.SIGINT, -signal.SIGKILL, -signal.SIGTERM}
"""Exit codes of programs that somebody ended; other signals tell that they crashed."""
# pg_dump waits for a lock as long as a statement may last; none of its others has a limit.
# What a program says before an error of the server's may be matched; what the error quotes is anybody's text.
_IN_THE_WAY = re.compile(
    r"^pg_\w+: (?:error|detail): (?:(?!ERROR:).)*?(?:FATAL:  "
    r"|ERROR:  canceling statement due to (?:lock|statement) timeout$"
    r"|connection to server |server closed the connection|no connection to the server"
    r"|could not (?:send|receive) data (?:to|from) server|SSL SYSCALL error)",
    re.MULTILINE,
)
_CANCELLED = re.compile(
    r"^pg_\w+: (?:error|detail): (?:(?!ERROR:).)*?ERROR:  canceling statement due to user request$",
    re.MULTILINE,
)


def nothing() -> None:
    """Give no sign of life, and stop nothing."""


def attended(work: Callable[[], Result], beat: Beat, *, stop: Callable[[], None] = nothing) -> Result:
    """Do the work in a thread and return what it returns; call `beat` every few seconds meanwhile.

    Where `beat` raises, because the right to do the work is gone, `stop` is called to end it.
    """
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(work)
        try:
            _await(future, beat)
        except BaseException:
            stop()
            raise
    return future.result()


def _await(future: "Future[Result]", beat: Beat) -> None:
    while not wait([future], timeout=BEAT_S).done:
        beat()


def run(command: Sequence[str | Path], *, env: Mapping[str, str], beat: Beat) -> str:
    """Run a program and return what it printed; for PostgreSQL's, which are told secrets in `env` alone.

    Raises: BackupError with what it complained of; NotMadeError, CutShortError where that is no fault of a
    dump.
    """
    program = Path(command[0]).name
    with subprocess.Popen(
        command,
        env=dict(env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
    ) as process:
        try:
            printed, complaint = attended(
                lambda: process.communicate(timeout=LONGEST_S), beat, stop=process.kill
            )
        except subprocess.TimeoutExpired:
            process.kill()
            raise CutShortError(f"{program} was stopped after {LONGEST_S // 3600} hours.") from None
    if process.returncode:
        told = _told(complaint) or f"exit code {process.returncode}"
        raise _kind(process.returncode, complaint)(f"{program} failed: {told}")
    return printed


def _kind(code: int, complaint: str) -> type[CloudIntelError]:
    if _CANCELLED.search(complaint):
        return CutShortError
    return NotMadeError if code in _ENDED_BY or _IN_THE_WAY.search(complaint) else BackupError


def _told(complaint: str) -> str:
    lines = [line.strip() for line in complaint.splitlines() if line.strip()]
    return " ".join(lines[-_QUOTED_LINES:])
