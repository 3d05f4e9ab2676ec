"""Long work under supervision: while it goes on, its owner gives signs of life."""

import subprocess
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import TypeVar

from dbops.backups.errors import BackupError

Result = TypeVar("Result")
Beat = Callable[[], None]

BEAT_S = 5.0
LONGEST_S = 6 * 3600
_QUOTED_LINES = 5


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

    Raises: BackupError with what it complained of.
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
            raise BackupError(f"{program} was stopped after {LONGEST_S // 3600} hours.") from None
    if process.returncode:
        raise BackupError(f"{program} failed: {_told(complaint) or f'exit code {process.returncode}'}")
    return printed


def _told(complaint: str) -> str:
    lines = [line.strip() for line in complaint.splitlines() if line.strip()]
    return " ".join(lines[-_QUOTED_LINES:])
