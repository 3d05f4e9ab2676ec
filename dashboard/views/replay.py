"""What a policy would have done with the load that an instance had, and at what cost."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone
from rest_framework.exceptions import ValidationError

from accounts.permissions import asking
from core.errors import InvalidInputError
from dashboard.charts import Chart, Kind, Mark, Series
from dashboard.middleware import message_of
from dashboard.pages import Page
from dashboard.scaling_forms import ReplayForm
from scaling.models import Direction
from scaling.serializers.replay import ReplayQuery, question
from scaling.services import replaying
from scaling.services.replaying import Change, Replay

MOST_CHANGES = 100
"""So many of the latest changes are listed."""
_POINTS = 720


class ReplayPage(Page):
    """A policy on what was measured, as the API replays it: by default the last week."""

    title = "Replay"
    template_name = "dashboard/replay.html"

    def context(self) -> dict[str, Any]:
        instance_id = self.kwargs["instance_id"]
        told: dict[str, Any] = {
            "title": f"Replay of {instance_id}",
            "instance_id": instance_id,
            "form": ReplayForm(self.request.GET),
        }
        try:
            found = self._replayed(instance_id)
        except (ValidationError, InvalidInputError) as error:
            self.status = 400
            return {**told, "error": message_of(error)}
        return {**told, "found": found, "chart": _chart(found), "changes": found.changes[::-1][:MOST_CHANGES]}

    def _replayed(self, instance_id: str) -> Replay:
        """Raises: ValidationError, InvalidInputError, UnknownInstanceError."""
        typed = {name: value for name, value in self.request.GET.items() if value}
        query = ReplayQuery(data=typed | {"instance_id": instance_id})
        query.is_valid(raise_exception=True)
        asked = question(query.validated_data, timezone.now())
        subject = replaying.find(asking(self.request), instance_id, asked.start, asked.end)
        return replaying.replay(subject, asked)


def _chart(found: Replay) -> Chart | None:
    """Draw how much there would have been; None where that is not known, or would not have changed."""
    if found.would is None or not found.changes:
        return None
    asked = found.question
    step = max(timedelta(minutes=1), (asked.end - asked.start) / _POINTS)
    moments = [asked.start + place * step for place in range(int((asked.end - asked.start) / step) + 1)]
    would = Series("instances", _course(found.changes, moments), Kind.LINE, 1)
    return Chart(
        id="course",
        title="Instances there would have been",
        at=moments,
        series=[would],
        marks=_marks(found),
        low=0,
    )


def _course(changes: Sequence[Change], moments: Sequence[datetime]) -> list[float]:
    """Return what there would have been at each moment; both ascend."""
    course, now, left = [], changes[0].before, list(reversed(changes))
    for moment in moments:
        while left and left[-1].at <= moment:
            now = left.pop().after
        course.append(now)
    return course


def _marks(found: Replay) -> list[Mark]:
    done = (each for each in found.decisions if each.decision != Direction.NO_ACTION)
    return [
        Mark(
            each.timestamp,
            f"decided: {each.get_decision_display().lower()}",
            "good" if each.level_after > each.level_before else "warn",
        )
        for each in done
    ]
