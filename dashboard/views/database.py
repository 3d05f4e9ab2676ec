"""The database that CloudIntel keeps its data in: its pool, its load, its health, and what keeps it so."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from django import forms
from django.conf import settings
from django.http import QueryDict
from django.utils import timezone

from accounts.permissions import asking
from core.errors import CloudIntelError
from dashboard import heat
from dashboard.charts import Chart, Kind, Mark, Series
from dashboard.choosing import rows_of_page
from dashboard.pages import Action, Page
from dbops import schedule
from dbops.models import BackupCheck, Cause, Observation, PoolEvent, Prediction
from dbops.pool import choice
from dbops.serializers.observing import health_of
from dbops.services import (
    control,
    learning,
    maintaining,
    maintenance_report,
    observing,
    optimizing,
    recommending,
    scaling,
)
from pipelines import due
from pipelines.models import Run

EVENTS = 8
CHECKS = 8
MOST_MARKS = 40
LIVE_S = 240
"""Charts whose points are no longer than that follow what happens."""
PREDICTED = timedelta(days=3)
_BACK = "dashboard:database"
_CHART = "dashboard/parts/chart_data.html"
_MINUTES = {6: 1, 24: 4, 72: 12, 168: 30, 720: 120}
"""Hours that can be looked back, and of how many minutes a point of the charts is then the worst."""
_SPANS = {6: "6 hours", 24: "24 hours", 72: "3 days", 168: "7 days", 720: "30 days"}


class HoursForm(forms.Form):
    """How far to look back, in the word of the API."""

    hours = forms.TypedChoiceField(choices=list(_SPANS.items()), coerce=int, label="The last")

    def __init__(self, given: QueryDict) -> None:
        chosen = given.copy()
        chosen.setdefault("hours", "24")
        super().__init__(chosen)

    @property
    def chosen(self) -> int:
        """What was chosen; a day where that cannot be read."""
        return 24 if self.errors else int(self.cleaned_data["hours"])


# --- Looking ---------------------------------------------------------------------------------
class DatabasePage(Page):
    """How it is and was; recommendations are looked for once the page is there."""

    title = "Database"
    template_name = "dashboard/database.html"
    parts = {
        "pool": "dashboard/database/pool.html",
        "load-data": _CHART,
        "events": "dashboard/database/events.html",
        "health": "dashboard/database/health.html",
        "score-data": _CHART,
        "advice": "dashboard/database/advice.html",
        "maintenance": "dashboard/database/maintenance.html",
    }

    def context(self) -> dict[str, Any]:
        form = HoursForm(self.request.GET)
        self.status = 400 if form.errors else 200
        past = Past(form.chosen, timezone.now())
        return {
            "form": form,
            "load": past.load(),
            "score": past.score(),
            **self._pool(),
            **self._events(),
            **self._health(),
            **self._patterns(),
            **self._maintenance(),
        }

    def part_context(self, part: str) -> dict[str, Any]:
        shown: dict[str, Callable[[], dict[str, Any]]] = {
            "pool": self._pool,
            "load-data": lambda: {"chart": self._past().load()},
            "events": self._events,
            "health": self._health,
            "score-data": lambda: {"chart": self._past().score()},
            "advice": self._advice,
            "maintenance": self._maintenance,
        }
        return shown[part]()

    def _past(self) -> "Past":
        return Past(HoursForm(self.request.GET).chosen, timezone.now())

    def _pool(self) -> dict[str, Any]:
        return {"automation": control.status(), "observed": observing.latest()}

    def _events(self) -> dict[str, Any]:
        known = PoolEvent.objects.select_related("requested_by")
        return {"events": rows_of_page(self.request, known, size=EVENTS)}

    def _health(self) -> dict[str, Any]:
        return {"health": health_of(observing.latest())}

    def _patterns(self) -> dict[str, Any]:
        now = timezone.now()
        found = learning.patterns(now)
        return {
            "patterns": found,
            "week": None if found.weekly is None else heat.week(found.weekly),
            "forecast": learning.predict(now),
            "predictions": _predictions(now),
        }

    def _advice(self) -> dict[str, Any]:
        now = timezone.now()
        try:
            return {"advice": recommending.advice(now), "as_of": now}
        except CloudIntelError as error:
            return {"advice": None, "why": str(error), "as_of": now}

    def _maintenance(self) -> dict[str, Any]:
        return {
            "maintenance": maintenance_report.status(),
            "active": Run.objects.filter(pipeline=schedule.MAINTENANCE).active().first(),
            "next_due": due.next_due(timezone.now()).get(schedule.MAINTENANCE),
            "checks": BackupCheck.objects.all()[:CHECKS],
            "kept": settings.BACKUP_KEEP,
            "verified": BackupCheck.objects.filter(is_verified=True).first(),
        }


class Past:
    """What was observed in the last hours, thinned out: a point is the worst of its minutes."""

    def __init__(self, hours: int, now: datetime) -> None:
        self._length = timedelta(minutes=_MINUTES[hours])
        self._start = _floor(now - timedelta(hours=hours), self._length)
        count = (now - self._start) // self._length + 1
        self._slots = [self._start + self._length * number for number in range(count)]
        seen = Observation.objects.between(self._start, now).by_slot(self._length)
        self._seen = {row["slot"]: row for row in seen}

    def load(self) -> Chart:
        """Draw how much of the pool was used, and what was decided about its size."""
        return Chart(
            id="load",
            title=f"Connections, the most in each {self._each}",
            at=self._slots,
            digits=1,
            low=0,
            every_s=self._every_s(15),
            series=[
                Series("in use", self._of("used"), Kind.AREA),
                Series("waiting", self._of("most_waiting"), colour=5),
                Series("size of the pool", self._of("largest"), Kind.DASHED, colour=6),
            ],
            marks=self._marks(),
        )

    def score(self) -> Chart:
        """Draw the health."""
        return Chart(
            id="score",
            title=f"Health, the worst in each {self._each}",
            at=self._slots,
            digits=0,
            low=0,
            high=100,
            every_s=self._every_s(60),
            series=[Series("score", self._of("worst_health"), colour=3)],
        )

    def _every_s(self, least: int) -> int:
        """Return how often a chart is drawn anew: where a point is many minutes, as often as there is one."""
        length_s = int(self._length.total_seconds())
        return least if length_s <= LIVE_S else length_s

    @property
    def _each(self) -> str:
        minutes = self._length // timedelta(minutes=1)
        return {1: "minute", 120: "two hours"}.get(minutes, f"{minutes} minutes")

    def _of(self, name: str) -> list[float | None]:
        return [self._seen.get(slot, {}).get(name) for slot in self._slots]

    def _marks(self) -> list[Mark]:
        events = PoolEvent.objects.filter(timestamp__gte=self._start, applied=True)[:MOST_MARKS]
        return [
            Mark(each.timestamp, f"{each.get_action_display()} {each.from_size} to {each.to_size}".lower())
            for each in reversed(events)
        ]


def _floor(moment: datetime, length: timedelta) -> datetime:
    epoch = datetime.fromtimestamp(0, UTC)
    return moment - (moment - epoch) % length


def _predictions(now: datetime) -> Chart | None:
    """Draw what hours were expected to ask for beside what they did; None before the first prediction."""
    rows = list(Prediction.objects.filter(hour__gte=now - PREDICTED).order_by("hour"))
    if not rows:
        return None
    return Chart(
        id="predictions",
        title="Peaks of the hours, expected and seen, in connections",
        at=[row.hour for row in rows],
        digits=1,
        low=0,
        series=[
            Series("at least", [row.low for row in rows], Kind.LOW),
            Series("at most", [row.high for row in rows], Kind.HIGH, colour=1),
            Series("expected", [row.demand for row in rows], Kind.DASHED, colour=1),
            Series("seen", [row.actual_peak for row in rows], colour=2, missing="not over yet"),
        ],
    )


# --- Acting ----------------------------------------------------------------------------------
class StartAutomation(Action):
    """Switches all schedules of the automation on."""

    back = _BACK

    def act(self, **_kwargs: Any) -> str:
        return f"The automation {'runs now' if control.switch(on=True).changed else 'runs already'}."


class StopAutomation(Action):
    """Switches them off."""

    back = _BACK

    def act(self, **_kwargs: Any) -> str:
        return (
            f"The automation {'is stopped' if control.switch(on=False).changed else 'was stopped already'}."
        )


class Evaluate(Action):
    """Decides now what size the pool shall have."""

    back = _BACK

    def act(self, **_kwargs: Any) -> str:
        reading = choice.chosen().read()
        found = scaling.evaluate(reading, timezone.now(), requested_by=asking(self.request))
        return f"{found.decision.capitalize().replace('_', ' ')}: {found.reason}"


class Emergency(Action):
    """Has the pool grow to its maximum at once."""

    back = _BACK

    def act(self, **_kwargs: Any) -> str:
        event = scaling.emergency(
            timezone.now(),
            cause=Cause.OPERATOR,
            reason="An operator asked for it",
            requested_by=asking(self.request),
        )
        return event.reason


class Predict(Action):
    """Predicts the next hour's peak, and keeps that."""

    back = _BACK

    def act(self, **_kwargs: Any) -> str:
        now = timezone.now()
        forecast = learning.predict(now)
        learning.remember(forecast, now)
        return forecast.reason


class Optimize(Action):
    """Does now what is done every hour."""

    back = _BACK

    def act(self, **_kwargs: Any) -> str:
        done = optimizing.optimize(timezone.now()).done
        return " ".join(f"{step['task'].capitalize()}: {step['detail']}" for step in done)


class Maintain(Action):
    """Starts a maintenance, or joins the one that is active; `dry_run` only tells what it would do."""

    back = _BACK
    dry_run = False

    def act(self, **_kwargs: Any) -> str:
        run = maintaining.start(dry_run=self.dry_run, requested_by=asking(self.request))
        return f"{run} is {run.status}."
