"""The costs of each account, judged day by day."""

from collections.abc import Iterator
from datetime import date, timedelta

from analytics.anomalies import incidents
from analytics.anomalies.baseline import HISTORY_DAYS
from analytics.anomalies.costs import Cause, Expected, Part, PartDay, find
from analytics.anomalies.feedback import marked
from analytics.anomalies.incidents import Judged
from analytics.models import Anomaly, AnomalyKind
from collectors.models import CloudAccount, DailyCost, DailyCostQuerySet
from pipelines.claims import Claim
from pipelines.registry import Counts

CURRENCY = "USD"
"""Costs in others are not judged: the least amounts that matter are in dollars."""

_LEAST_JUDGED = timedelta(days=45)
_BEFORE = timedelta(days=HISTORY_DAYS + 35)
"""What a day is compared with: the history, and the same day of the month before."""


def first_judged(today: date) -> date:
    """Return the first day that is judged (again): the first of a month, 45 to 75 days ago.

    That is before what AWS restates, and moves once a month: incidents are seldom cut off there.
    """
    return (today - _LEAST_JUDGED).replace(day=1)


def judge(claim: Claim, today: date) -> Counts:
    """Judge the costs of all accounts, each stored in a transaction of its own, and count incidents."""
    since = first_judged(today)
    with_costs = DailyCost.objects.unblended().filter(date__gte=since - _BEFORE).values("account")
    counts = Counts(accounts_judged=0, cost_incidents=0)
    for account in CloudAccount.objects.filter(pk__in=with_costs):
        judged = _judged(account, since)
        with claim.writing():
            counts.update(incidents.store(judged))
    with claim.writing():
        incidents.end_before(since)
    return counts


def _judged(account: CloudAccount, since: date) -> Judged:
    costs = DailyCost.objects.unblended().filter(account=account, date__gte=since - _BEFORE)
    days = {each["date"]: each["any_estimated"] for each in costs.daily_totals()}
    findings = find(
        _part_days(account, costs),
        {account.account_id: days.keys()},
        since=since,
        expected=_expected(account),
    )
    return Judged(
        account=account,
        since=since,
        through=max((day for day, is_estimated in days.items() if not is_estimated), default=None),
        incidents=findings.incidents,
        refusal=" ".join(findings.reasons.values()),
        left_out=_left_out(costs),
    )


def _part_days(account: CloudAccount, costs: DailyCostQuerySet) -> Iterator[PartDay]:
    rows = costs.filter(unit=CURRENCY).values_list("date", "service", "region", "amount", "estimated")
    for day, service, region, amount, is_estimated in rows.iterator(chunk_size=10_000):
        yield PartDay(Part(account.account_id, service, region), day, amount, is_estimated)


def _expected(account: CloudAccount) -> list[Expected]:
    """Return the causes in an account's costs that people expect, as the rules take them."""
    said = marked(AnomalyKind.COST, anomaly__account=account)
    known = Anomaly.objects.filter(cause__in=said).order_by("cause").distinct("cause")
    return [
        Expected(Cause(account.account_id, each.service, each.region, each.direction), said[each.cause])
        for each in known
    ]


def _left_out(costs: DailyCostQuerySet) -> str:
    """Say which costs are not judged; empty where all are."""
    others = costs.exclude(unit=CURRENCY).exclude(amount=0).order_by("unit").values_list("unit", flat=True)
    units = ", ".join(others.distinct())
    return f"Costs in {units} are not judged, only those in {CURRENCY}." if units else ""
