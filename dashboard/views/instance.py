"""One instance: what it is, measures and costs, what was decided about it, and why."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.shortcuts import get_object_or_404
from django.utils import timezone
from rest_framework.exceptions import APIException
from rest_framework.permissions import IsAuthenticated

from accounts.models import User
from accounts.permissions import Role, asking, has_role
from analytics.anomalies import feedback
from analytics.anomalies.serializers import GivenFeedbackSerializer
from analytics.models import (
    Anomaly,
    CarbonReport,
    Computation,
    FollowedSaving,
    InstanceFootprint,
    LoadForecast,
    Saving,
    Subject,
)
from analytics.savings import stored_prices
from collectors.models import Instance
from dashboard import explained, fleet, loads
from dashboard.charts import Chart, Mark
from dashboard.choosing import LENGTHS, SpanForm
from dashboard.explained import Explained
from dashboard.measured import DAY, Measured, Span, measured
from dashboard.pages import Action, Page
from dashboard.scaling_forms import SimulationForm
from scaling.errors import NotOwnerError, UnknownInstanceError
from scaling.models import ManagedInstance
from scaling.services import policies, registration

MOST_ANOMALIES = 20
MOST_CHANGES = 5
_LIVE_S, _CALM_S = 10, 60
_NO_MEMORY = "Memory is unknown: it is published where the CloudWatch agent runs, and was not in this span."
_NOT_MEASURED = "Nothing was measured in this span."


@dataclass(frozen=True, slots=True)
class About:
    """An instance as the user may see it: `listed` in the inventory, `managed` if it is their own."""

    instance_id: str
    listed: Instance | None
    managed: ManagedInstance | None

    @property
    def instance_type(self) -> str:
        return self._told.instance_type

    @property
    def region(self) -> str:
        return self._told.region

    @property
    def _told(self) -> Instance | ManagedInstance:
        """What tells of it: the inventory, or else who registered it."""
        found = self.listed or self.managed
        if found is None:
            raise UnknownInstanceError
        return found

    @property
    def is_watched(self) -> bool:
        """Tell whether there are new samples all the time."""
        return self.managed is not None and self.managed.is_monitoring


def about(user: User, instance_id: str) -> About:
    """Find an instance that the user may see: in the inventory with a role, among their own without.

    Raises: UnknownInstanceError, NotOwnerError.
    """
    managed: ManagedInstance | None = None
    refusal: APIException | None = None
    try:
        managed = registration.owned(user, instance_id)
    except (UnknownInstanceError, NotOwnerError) as error:
        refusal = error
    listed = _listed(instance_id, managed) if has_role(user, Role.VIEWER, Role.OPERATOR) else None
    if refusal is not None and listed is None:
        raise refusal
    return About(instance_id, listed, managed)


def _listed(instance_id: str, managed: ManagedInstance | None) -> Instance | None:
    """Return the instance in the inventory; where two accounts told of one, the latest word counts."""
    if managed is not None and managed.inventory is not None:
        return managed.inventory
    same = Instance.objects.filter(instance_id=instance_id).select_related("account")
    return same.order_by("-last_seen", "pk").first()


# --- Looking ---------------------------------------------------------------------------------
class InstancePage(Page):
    """An instance of the inventory, or one that the autoscaler manages; what follows it does so by itself."""

    title = "Instance"
    template_name = "dashboard/instance.html"
    permission = IsAuthenticated
    parts = {
        **dict.fromkeys(
            (f"{loads.chart_id(metric)}-data" for metric in loads.TITLES), "dashboard/parts/chart_data.html"
        ),
        "decisions": "dashboard/instance/decisions.html",
        "standing": "dashboard/instance/standing.html",
    }

    def context(self) -> dict[str, Any]:
        found, form = self._found(), self._form()
        anomalies = _anomalies(found.listed, form.span)
        decided, left_out = _decided(found, form.span)
        return {
            "title": found.instance_id,
            "form": form,
            "lengths": LENGTHS,
            "about": found,
            **_standing(found),
            **_drawn(_Drawing(found, form.span, _marks([each.mark for each in decided], anomalies))),
            "decisions": decided,
            "left_out": left_out,
            **_listed_facts(found.listed),
            "simulation": SimulationForm(found.instance_id, chosen=found.instance_id),
            "anomalies": anomalies,
            "policy": _policy(found.managed),
        }

    def part_context(self, part: str) -> dict[str, Any]:
        found, form = self._found(), self._form()
        if part == "standing":
            return _standing(found)
        if part == "decisions":
            decided, left_out = _decided(found, form.span)
            return {"about": found, "decisions": decided, "left_out": left_out}
        of_all = explained.marks(found.managed, form.span) if found.managed else []
        marks = _marks(of_all, _anomalies(found.listed, form.span))
        metric = part.removesuffix("-data").replace("-", "_")
        return {"chart": _Drawing(found, form.span, marks).chart(metric)}

    def _found(self) -> About:
        return about(asking(self.request), self.kwargs["instance_id"])

    def _form(self) -> SpanForm:
        form = SpanForm(self.request.GET, now=timezone.now())
        self.status = form.status
        return form


def _standing(found: About) -> dict[str, Any]:
    """Return how the instance stands with the autoscaler."""
    managed = found.managed
    obstacle = registration.obstacle(managed) if managed is not None else None
    everybodys = ManagedInstance.objects.filter(instance_id=found.instance_id)
    return {
        "about": found,
        "managed": managed,
        "obstacle": obstacle and str(obstacle.detail),
        "latest": managed and managed.decisions.defer("inputs").first(),
        "is_foreign": managed is None and everybodys.exists(),
    }


def _decided(found: About, span: Span) -> tuple[list[Explained], int]:
    """Return the latest decisions, the latest first, and how many are left out."""
    return ([], 0) if found.managed is None else explained.decisions(found.managed, span)


def _policy(managed: ManagedInstance | None) -> list[tuple[str, Any]]:
    """Return the fields of the policy by their names, and what each of them is."""
    if managed is None:
        return []
    policy = managed.policy
    fields = ((policy._meta.get_field(name), getattr(policy, name)) for name in policies.FIELDS)
    return [
        (_name(str(getattr(field, "verbose_name", field.name))), _spaced(value)) for field, value in fields
    ]


def _spaced(value: Any) -> Any:
    return value.replace("_", " ") if isinstance(value, str) else value


def _name(field: str) -> str:
    return field.replace("cpu", "CPU")


# --- Charts ----------------------------------------------------------------------------------
_Marks = dict[str, list[Mark]]


def _marks(of_all: Sequence[Mark], anomalies: Sequence[Anomaly]) -> _Marks:
    """Return what is marked on the chart of each metric: what is of all of them, and its own anomalies."""
    return {
        metric: [*of_all, *(loads.anomaly_mark(each) for each in anomalies if each.metric == metric)]
        for metric in loads.TITLES
    }


class _Drawing:
    """The charts of an instance over a span."""

    def __init__(self, found: About, span: Span, marks: _Marks) -> None:
        self._about, self._span, self._marks = found, span, marks
        self.measured: Measured = measured(found.listed, found.managed, span)
        self.forecasts = _forecasts(found.listed)

    def chart(self, metric: str) -> Chart:
        return loads.chart(
            metric,
            self.measured,
            self._span,
            foreseen=self.forecasts.get(metric),
            marks=self._marks[metric],
            every_s=self._every_s,
        )

    @property
    def _every_s(self) -> int | None:
        if not self._span.follows:
            return None
        return _LIVE_S if self._about.is_watched and self._span.length <= 2 * DAY else _CALM_S

    def is_drawn(self, metric: str) -> bool:
        """Tell whether there is anything to draw, or will be while the page is looked at."""
        managed, forecast = self._about.managed, self.forecasts.get(metric)
        is_awaited = managed is not None and (managed.is_mock or metric == "cpu") and self._span.follows
        is_marked = metric == "cpu" and bool(self._marks[metric])
        return is_awaited or is_marked or self.measured.has(metric) or bool(forecast and forecast.expected)


def _drawn(drawing: _Drawing) -> dict[str, Any]:
    shown = [metric for metric in loads.TITLES if drawing.is_drawn(metric)]
    return {
        "charts": [drawing.chart(metric) for metric in shown],
        "source": drawing.measured.source,
        "missing": _NOT_MEASURED if not shown else "" if "memory" in shown else _NO_MEMORY,
        "forecasts": drawing.forecasts.values(),
        "load_forecasts": Computation.objects.standing(Subject.LOAD_FORECAST),
    }


def _forecasts(listed: Instance | None) -> dict[str, LoadForecast]:
    if listed is None:
        return {}
    return {each.metric: each for each in LoadForecast.objects.filter(instance=listed)}


def _anomalies(listed: Instance | None, span: Span) -> list[Anomaly]:
    """Return the latest incidents of the instance that reach into the span."""
    if listed is None:
        return []
    within = Anomaly.objects.metrics().filter(instance=listed, last_at__gte=span.start, first_at__lt=span.end)
    return list(within.prefetch_related("feedback__given_by")[:MOST_ANOMALIES])


# --- Facts -----------------------------------------------------------------------------------
def _listed_facts(listed: Instance | None) -> dict[str, Any]:
    """Return what is known of an instance of the inventory."""
    if listed is None:
        return {"instance": None}
    return {
        "instance": listed,
        "changes": listed.state_changes.all()[:MOST_CHANGES],
        "quote": fleet.quote(listed, stored_prices.table(listed.region)),
        "savings": Saving.objects.standing().filter(instance=listed).largest_first(),
        "followed": FollowedSaving.objects.filter(instance=listed),
        "savings_standing": Computation.objects.standing(Subject.SAVINGS),
        "footprint": InstanceFootprint.objects.filter(instance=listed).first(),
        "carbon_standing": Computation.objects.standing(Subject.CARBON),
        "report": CarbonReport.objects.only("start", "end").first(),
    }


# --- Acting ----------------------------------------------------------------------------------
class Feedback(Action):
    """Keeps what somebody says of an incident: that it is as it should be, or real."""

    back = "dashboard:fleet"

    def act(self, **kwargs: Any) -> str:
        anomaly = get_object_or_404(Anomaly, pk=kwargs["pk"])
        sent = GivenFeedbackSerializer(
            data={name: self.request.POST.get(name, "") for name in ("verdict", "note")}
        )
        sent.is_valid(raise_exception=True)
        feedback.give(anomaly.pk, **sent.validated_data, by=asking(self.request), now=timezone.now())
        return f"“{anomaly.sentence}” is noted as {sent.validated_data['verdict']}."
