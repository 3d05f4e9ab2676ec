"""Incidents in costs, each kept in one row from the day that it was found."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from django.utils import timezone

from analytics.anomalies.costs import Cause, Incident
from analytics.anomalies.feedback import marked
from analytics.anomalies.quiet import is_quiet
from analytics.models import Anomaly, AnomalyKind, AnomalyState, CostJudgement
from collectors.models import CloudAccount
from pipelines.registry import Counts

NEWS = timedelta(days=14)
"""Days so close to the last one are told of, also when they are judged for a second time."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What was found in an account's costs since a day, through the last final one that there is.

    `refusal` says why nothing could be judged, `left_out` which costs were not.
    """

    account: CloudAccount
    since: date
    through: date | None
    incidents: Sequence[Incident]
    refusal: str
    left_out: str


def store(judged: Judged) -> Counts:
    """Keep what was found, and how far was looked; for use in a transaction.

    What is not found any more is withdrawn.
    """
    known = CostJudgement.objects.select_for_update().filter(pk=judged.account.pk).first()
    judgement = known or CostJudgement(account=judged.account)
    judgement.reason = " ".join(filter(None, (judged.refusal, judged.left_out)))
    counts = Counts()
    if judged.through is not None and not judged.refusal:
        _store_incidents(judged, judged.through, judgement.judged_through)
        judgement.judged_through = judged.through
        counts = Counts(accounts_judged=1, cost_incidents=len(judged.incidents))
    judgement.save()
    return counts


def end_before(since: date) -> None:
    """End what nobody judges any more, as its account has no costs since."""
    Anomaly.objects.costs().open().filter(last_at__lt=_midnight(since)).update(state=AnomalyState.ENDED)


def cause_of(cause: Cause) -> str:
    """Write a cause as it is kept."""
    return "|".join(("cost", *map(str, cause)))


def _store_incidents(judged: Judged, through: date, before: date | None) -> None:
    recent = through - NEWS
    news_since = min(recent, before + timedelta(days=1)) if before else recent
    kept = Anomaly.objects.costs().filter(account=judged.account, last_at__gte=_midnight(judged.since))
    stored = list(kept.select_for_update(of=("self",)).order_by("pk"))
    said = marked(AnomalyKind.COST, anomaly__account=judged.account)
    found = _matched(judged.incidents, stored)
    for incident, known in found:
        anomaly = known or _begun(judged.account, awaits_alert=incident.last_day >= news_since)
        _go_on(anomaly, incident, through)
        # Of what began before the days that were judged, only the end is known.
        if known is None or known.first_at >= _midnight(judged.since):
            _describe(anomaly, incident, said)
        anomaly.save()
    rows = {known.pk for _, known in found if known}
    gone = Anomaly.objects.filter(pk__in={each.pk for each in stored} - rows)
    gone.update(state=AnomalyState.WITHDRAWN)


def _begun(account: CloudAccount, *, awaits_alert: bool) -> Anomaly:
    found_at = timezone.now()
    return Anomaly(kind=AnomalyKind.COST, account=account, awaits_alert=awaits_alert, found_at=found_at)


def _go_on(anomaly: Anomaly, incident: Incident, through: date) -> None:
    """Note until when it goes on: it is open while the last day belongs to it."""
    anomaly.last_at = _midnight(incident.last_day)
    anomaly.state = AnomalyState.OPEN if incident.last_day >= through else AnomalyState.ENDED


def _describe(anomaly: Anomaly, incident: Incident, said: Mapping[str, float]) -> None:
    # What has an alert, and reads otherwise now, is told again.
    anomaly.awaits_alert |= bool(anomaly.alert_key) and anomaly.sentence != incident.sentence
    # Where the first day was restated, another part may lead: what was said of the incident still holds.
    is_quiet_as_before = is_quiet(incident.daily_usd, said.get(anomaly.cause))
    anomaly.is_expected = incident.is_expected or is_quiet_as_before
    anomaly.key, anomaly.cause = _key(incident), cause_of(incident.cause)
    anomaly.service, anomaly.region = incident.cause.service, incident.cause.region
    anomaly.direction, anomaly.days = incident.cause.direction, incident.days
    anomaly.first_at = _midnight(incident.first_day)
    anomaly.delta_usd, anomaly.expected_usd = incident.delta_usd, incident.expected_usd
    anomaly.moved, anomaly.sentence = incident.daily_usd, incident.sentence
    anomaly.parts = [
        {
            "service": share.part.service,
            "region": share.part.region,
            "delta_usd": share.delta_usd,
            "share": share.share,
        }
        for share in incident.parts
    ]


def _matched(found: Sequence[Incident], stored: Sequence[Anomaly]) -> list[tuple[Incident, Anomaly | None]]:
    """Return each incident with the row that it has: that with its key, or one with days in common."""
    by_key = {each.key: each for each in stored}
    rows = {each.key: by_key.get(_key(each)) for each in found}
    free = [each for each in stored if each not in rows.values()]
    for incident in found:
        if rows[incident.key] is None:
            rows[incident.key] = next((each for each in free if _is_same(each, incident)), None)
            free = [each for each in free if each is not rows[incident.key]]
    return [(each, rows[each.key]) for each in found]


def _is_same(anomaly: Anomaly, incident: Incident) -> bool:
    """Tell whether both are about a move of one region, the same way, with a day in common."""
    where = (anomaly.region, anomaly.direction) == (incident.cause.region, incident.cause.direction)
    first, last = _midnight(incident.first_day), _midnight(incident.last_day)
    return where and anomaly.first_at <= last and first <= anomaly.last_at


def _key(incident: Incident) -> str:
    return f"cost|{incident.key}"


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
