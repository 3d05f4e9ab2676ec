"""Runs with their progress, how good the data are, and runs that are started, cancelled and resumed."""

from dataclasses import dataclass
from typing import Any

from django.http import Http404
from django.utils import timezone

from accounts.permissions import asking
from dashboard.choosing import filtered, rows_of_page
from dashboard.pages import Action, Page
from pipelines import cancelling, ledger, overview, resuming, standing
from pipelines.filters import RunFilter
from pipelines.models import QualityReport, Run
from pipelines.overview import Progress
from pipelines.params import DAILY
from pipelines.quality import reports
from pipelines.quality.scores import DIMENSIONS

RUNS = 25
_BACK = "dashboard:pipelines"


# --- Looking ---------------------------------------------------------------------------------
class PipelinesPage(Page):
    """What runs and ran, what waits, and how good the last collection's data are."""

    title = "Pipelines"
    template_name = "dashboard/pipelines.html"
    parts = {"runs": "dashboard/pipelines/runs.html", "standing": "dashboard/pipelines/standing.html"}

    def context(self) -> dict[str, Any]:
        return {**self._runs(), **self._standing()}

    def part_context(self, part: str) -> dict[str, Any]:
        return self._runs() if part == "runs" else self._standing()

    def _standing(self) -> dict[str, Any]:
        found = standing.now_is(timezone.now())
        of_report = scores(found["quality"])
        return {
            "now": found,
            "report": found["quality"],
            "scores": of_report,
            "reasons": [score for score in of_report if score.value is None and score.why],
        }

    def _runs(self) -> dict[str, Any]:
        found = filtered(RunFilter, self.request, Run.objects.told(), usual={"top": "true"})
        self.status = found.status
        runs = rows_of_page(self.request, found.rows, size=RUNS)
        overview.prepare(list(runs))
        return {"form": found.form, "page_of_runs": runs, "runs": [RunRow(run) for run in runs]}


class RunRow:
    """A prepared run as a row of the list."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.children = list(run.children.all())
        self.counts = {name: count for name, count in run.counts.items() if count}

    @property
    def progress(self) -> Progress:
        return overview.progress(self.run)

    @property
    def why(self) -> str:
        """The first line of its error."""
        return self.run.error.partition("\n")[0]

    @property
    def may_resume(self) -> bool:
        """Tell whether there is something to be taken up again."""
        return self.run.status in resuming.RESUMABLE


@dataclass(frozen=True, slots=True)
class Score:
    """One of the scores of what was collected, 0 to 100; None is unknown."""

    name: str
    value: float | None
    why: str

    @property
    def written(self) -> str | None:
        """The score with one digit, rounded down as the alerts on it round."""
        return None if self.value is None else reports.shown(self.value)

    @property
    def tone(self) -> str:
        """What the score is worth, by the limits of the alerts on it."""
        if self.value is None:
            return "none"
        if self.value >= reports.GOOD:
            return "good"
        return "warn" if self.value >= reports.POOR else "bad"


def scores(report: QualityReport | None) -> list[Score]:
    """Return a report's total and its parts; none without a report."""
    if report is None:
        return []
    return [
        Score(name, getattr(report, name), str(report.unknown.get(name, "")))
        for name in ("total", *DIMENSIONS)
    ]


# --- Acting ----------------------------------------------------------------------------------
class Collect(Action):
    """Starts the daily collection, or finds the one that is active."""

    back = _BACK

    def act(self, **_kwargs: Any) -> str:
        run = ledger.start(DAILY, requested_by=asking(self.request))
        return f"{run} is {run.status}."


class Resume(Action):
    """Does again what did not succeed of a run."""

    back = _BACK

    def act(self, **kwargs: Any) -> str:
        run = resuming.resume(_known(kwargs["pk"]))
        return f"{run} is {run.status} again."


class Cancel(Action):
    """Ends an active run."""

    back = _BACK

    def act(self, **kwargs: Any) -> str:
        run = cancelling.cancel(_known(kwargs["pk"]), by=asking(self.request))
        return f"{run} is {run.status}."


def _known(run_id: int) -> int:
    """Return the key of a run. Raises: Http404."""
    if not Run.objects.filter(pk=run_id).exists():
        raise Http404
    return run_id
