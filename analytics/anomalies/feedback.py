"""What people say of incidents, and what that quiets."""

from datetime import datetime
from typing import Any

from django.db import transaction

from accounts.models import User
from analytics.anomalies import telling
from analytics.anomalies.quiet import is_quiet
from analytics.models import Anomaly, AnomalyFeedback, AnomalyKind, AnomalyState, Verdict


def give(pk: int, *, verdict: str, note: str = "", by: User, now: datetime) -> AnomalyFeedback:
    """Keep somebody's word on an incident, and quiet its cause or have it told again.

    Raises: Anomaly.DoesNotExist.
    """
    with transaction.atomic():
        anomaly = Anomaly.objects.select_for_update(of=("self",)).get(pk=pk)
        feedback = AnomalyFeedback.objects.create(
            anomaly=anomaly, verdict=verdict, note=note, moved=anomaly.moved, given_by=by, given_at=now
        )
        _heed(anomaly.cause, feedback)
        telling.tell(now)
    return feedback


def _heed(cause: str, feedback: AnomalyFeedback) -> None:
    marked = feedback.moved if feedback.verdict == Verdict.EXPECTED else None
    alike = list(Anomaly.objects.filter(cause=cause).select_for_update(of=("self",)).order_by("pk"))
    for anomaly in alike:
        was_expected, anomaly.is_expected = anomaly.is_expected, is_quiet(anomaly.moved, marked)
        if was_expected and not anomaly.is_expected:
            anomaly.awaits_alert = anomaly.state == AnomalyState.OPEN
    Anomaly.objects.bulk_update(alike, ["is_expected", "awaits_alert"])


def marked(kind: AnomalyKind, **which: Any) -> dict[str, float]:
    """Return how much each cause had moved that was last said to be expected."""
    last = AnomalyFeedback.objects.filter(anomaly__kind=kind, **which).by_cause()
    said = last.values_list("anomaly__cause", "verdict", "moved")
    return {cause: moved for cause, verdict, moved in said if verdict == Verdict.EXPECTED}
