"""Shows on a terminal how runs are getting on."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django.db import OperationalError, connection
from django.db.models import Count, Q
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from pipelines.models import ACTIVE, Run, Status

POLL_S = 0.25


@dataclass(frozen=True, slots=True)
class Look:
    """How far one source's run has come."""

    run_id: int
    pipeline: str
    status: str
    done: int
    steps: int

    @property
    def is_over(self) -> bool:
        """Whether the run came to an end."""
        return self.status not in ACTIVE

    def __str__(self) -> str:
        return f"{self.pipeline}: {self.status}" + (f", {self.done} of {self.steps}" if self.steps else "")


def look(runs: Sequence[Run]) -> list[Look]:
    """Read how far the runs have come; a run with children is shown as these."""
    ids = [run.pk for run in runs]
    sources = (
        Run.objects.filter(Q(pk__in=ids, children=None) | Q(parent__in=ids))
        .annotate(planned=Count("steps"), done=Count("steps", filter=~Q(steps__status__in=ACTIVE)))
        .order_by("parent", "position", "id")
    )
    return [Look(*row) for row in sources.values_list("pk", "pipeline", "status", "done", "planned")]


def follow(
    runs: Sequence[Run],
    console: Console,
    *,
    between: Callable[[], None] = lambda: None,
    within_s: float | None = None,
) -> bool:
    """Show progress until the runs have ended; False when that took longer than `within_s`.

    `between` is called with every look. Progress goes to a bar on a terminal, else to a line a change.
    """
    deadline = None if within_s is None else time.monotonic() + within_s
    with _Display(console) as display:
        while True:
            between()
            display.show(_look_again(runs))
            if not _active(runs):
                return True
            if deadline is not None and time.monotonic() > deadline:
                return False
            time.sleep(POLL_S)


def _look_again(runs: Sequence[Run]) -> list[Look]:
    """Look, unless the database is just being restarted."""
    try:
        return look(runs)
    except OperationalError:
        connection.close()
        return []


def _active(runs: Sequence[Run]) -> bool:
    try:
        return Run.objects.active().filter(pk__in=[run.pk for run in runs]).exists()
    except OperationalError:
        connection.close()
        return True


class _Display:
    """A bar for each source on a terminal; lines elsewhere."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._lines: dict[int, str] = {}
        self._bars: dict[int, TaskID] = {}
        # Refreshed by hand: another thread would be a danger to the processes that are started meanwhile.
        self._progress = Progress(
            TextColumn("{task.description:<6}"),
            BarColumn(bar_width=30),
            TextColumn("{task.fields[said]}"),
            TimeElapsedColumn(),
            console=console,
            auto_refresh=False,
            disable=not console.is_terminal,
        )

    def __enter__(self) -> "_Display":
        self._progress.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._progress.stop()

    def show(self, looks: Sequence[Look]) -> None:
        """Bring the display up to date."""
        for each in looks:
            if self._console.is_terminal:
                self._move_bar(each)
            else:
                self._print_change(each)
        self._progress.refresh()

    def _print_change(self, seen: Look) -> None:
        line = str(seen)
        if self._lines.get(seen.run_id) != line:
            self._lines[seen.run_id] = line
            self._console.print(line)

    def _move_bar(self, seen: Look) -> None:
        """Show a run: queued, its clock stands; running, it pulses until its steps are known."""
        if seen.run_id not in self._bars:
            self._bars[seen.run_id] = self._progress.add_task(seen.pipeline, start=False, total=None, said="")
        bar = self._bars[seen.run_id]
        if seen.status != Status.QUEUED:
            self._progress.start_task(bar)
        total = 1 if seen.is_over else seen.steps or None
        done = 1 if seen.is_over else seen.done
        self._progress.update(bar, total=total, completed=done, said=str(seen).partition(": ")[2])
