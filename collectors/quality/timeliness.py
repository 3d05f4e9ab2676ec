"""Whether the data of each day were there by 05:00 in New York, as the ledger's runs tell."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import NamedTuple

from django.db.models import Min

from collectors.quality.completeness import NOT_COLLECTED, collected_since
from collectors.quality.slots import NOT_DUE, SOURCES, due_days, midnight
from pipelines import freshness
from pipelines.models import Run
from pipelines.quality.scores import Failure, Finding
from pipelines.windows import Window, asked

_TOO_EARLY = "Nothing was collected before these days' deadlines."


class _Collected(NamedTuple):
    """A run that brought data: of which days, None being all, and when it began and ended."""

    window: Window | None
    began_at: datetime
    ended_at: datetime

    def has(self, day: date) -> bool:
        """Say whether it began once the day was over, and was to collect that day."""
        covers = self.window is None or self.window.start <= day < self.window.end
        return covers and self.began_at >= midnight(day + timedelta(days=1))


def of_dataset(dataset: str, window: Window, now: datetime) -> Finding:
    """Look for each day's data at its deadline, from the first run on that could have brought them."""
    if dataset == "samples" and collected_since() is None:
        return Finding.cannot_tell(NOT_COLLECTED)
    first = Run.objects.filter(pipeline=SOURCES[dataset]).aggregate(at=Min("started_at"))["at"]
    due = due_days(dataset, window, now)
    days = [day for day in due if first is not None and freshness.deadline_of(day) > first]
    if not days:
        return Finding.cannot_tell(_TOO_EARLY if due else NOT_DUE)
    collected = list(_collected(dataset, window))
    late = [failure for day in days if (failure := _failure(day, collected)) is not None]
    return Finding(len(days), len(late), len(late), tuple(late))


def _collected(dataset: str, window: Window) -> Iterable[_Collected]:
    runs = Run.objects.collected().filter(
        pipeline=SOURCES[dataset],
        started_at__gte=midnight(window.start),
        finished_at__isnull=False,
    )
    for run in runs.only("params", "started_at", "finished_at").order_by("finished_at"):
        if run.started_at and run.finished_at:
            yield _Collected(asked(run), run.started_at, run.finished_at)


def _failure(day: date, collected: Iterable[_Collected]) -> Failure | None:
    """Return what is wrong with a day: that its data came late, or not at all."""
    first = next((each for each in collected if each.has(day)), None)
    if first is None:
        return Failure(str(day), "not collected")
    deadline = freshness.deadline_of(day)
    if first.ended_at <= deadline:
        return None
    return Failure(
        str(day), f"collected at {first.ended_at:%Y-%m-%d %H:%M}, due at {deadline:%Y-%m-%d %H:%M} UTC"
    )
