"""The days that a run was asked for."""

from dataclasses import dataclass
from datetime import date

from pipelines.models import Run


@dataclass(frozen=True, slots=True)
class Window:
    """The half-open range of UTC days [start, end)."""

    start: date
    end: date


def asked(run: Run) -> Window | None:
    """Return the days that the run was asked for; None where it was asked for none in particular."""
    if not {"start", "end"} <= run.params.keys():
        return None
    return Window(date.fromisoformat(run.params["start"]), date.fromisoformat(run.params["end"]))
