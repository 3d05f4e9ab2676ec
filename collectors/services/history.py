"""How far back what is collected can be asked for, and how a range of days is asked in parts."""

from collections.abc import Iterator
from datetime import date, timedelta

from core.errors import InvalidInputError
from pipelines.windows import Window

COSTS = timedelta(days=395)
"""Cost Explorer keeps 14 months of daily figures."""
CPU = timedelta(days=455)
"""CloudWatch keeps hourly figures for 455 days."""
KEPT = {"cost": COSTS, "cpu": CPU}
"""For how long what a source reads is kept, where there is an end to it."""

PART = timedelta(days=120)
"""Days a step: each call of CloudWatch costs by the metric, however many days it asks for."""


def reachable(window: Window, source: str, *, today: date) -> Window:
    """Return the window. Raises: InvalidInputError where it begins before what is kept."""
    first = today - KEPT[source]
    if window.start < first:
        raise InvalidInputError(
            f"{source} from {window.start}: AWS keeps {KEPT[source].days} days, so the first is {first}."
        )
    return window


def parts(window: Window, *, until: date) -> Iterator[Window]:
    """Yield the days of a window before `until`, in ranges of 120 at most."""
    start, end = window.start, min(window.end, until)
    while start < end:
        yield Window(start, min(start + PART, end))
        start += PART
