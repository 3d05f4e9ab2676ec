"""DuckDB, kept to one file, a folder to spill to, and a share of memory."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

# The connection that an import opens has a thread. A process forked afterwards has the connection without the
# thread, and would abort at its end.
duckdb.close()

_MOST_THREADS = 4
_POLL_S = 0.05
_TELL_EVERY_S = 2.0

Progress = Callable[[float], None]
Beside = Callable[[threading.Event], None]


@contextmanager
def engine(folder: Path, file: Path, *, memory_mb: int) -> Iterator[duckdb.DuckDBPyConnection]:
    """Provide a database in memory that reads `file`, works below `folder`, and touches nothing else."""
    config: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": f"{memory_mb}MB",
        "threads": min(_MOST_THREADS, os.cpu_count() or 1),
        "temp_directory": str(folder / "spill"),
        "preserve_insertion_order": False,
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "allow_community_extensions": False,
    }
    with duckdb.connect(config=config) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("SET enable_progress_bar = true")
        connection.execute("SET enable_progress_bar_print = false")
        # DuckDB follows links before it judges a path.
        connection.execute("SET allowed_paths = $paths", {"paths": [str(file)]})
        connection.execute("SET allowed_directories = $folders", {"folders": [str(folder)]})
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
        yield connection


class Watch:
    """Tells how far the work is, every few seconds; whom it tells may raise to stop the work."""

    def __init__(self, on_progress: Progress) -> None:
        self._tell = on_progress
        self._told_at = time.monotonic()

    def see(self, percent: Callable[[], float]) -> None:
        """Tell, if it is time to."""
        if time.monotonic() - self._told_at >= _TELL_EVERY_S:
            self._tell(min(100.0, max(0.0, percent())))
            self._told_at = time.monotonic()

    def run(
        self, connection: duckdb.DuckDBPyConnection, statement: str, beside: Beside | None = None
    ) -> None:
        """Execute a long statement, and something beside it; both are stopped if whom we tell raises."""
        stopped = threading.Event()
        with ThreadPoolExecutor(2) as pool:
            work: list[Future[Any]] = [pool.submit(beside, stopped)] if beside else []
            work.append(pool.submit(connection.execute, statement))
            try:
                while wait(work, timeout=_POLL_S).not_done:
                    self.see(connection.query_progress)
            except BaseException:
                stopped.set()
                connection.interrupt()
                raise
        for each in work:
            each.result()
