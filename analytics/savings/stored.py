"""What could be saved and what was, read from what was computed last; `query` holds what is asked for."""

from typing import Any, TypeVar

from django.db.models import Count, Q, QuerySet, Sum

from analytics.models import FollowedSaving, Saving, SavingQuerySet, SavingTally, WithheldSaving
from analytics.savings import tallies

CURRENCY = "USD"
FILTERS = {"account": "account__account_id", "region": "region", "resource": "resource", "kind": "kind"}
"""What rows are narrowed down by, and the column of each."""

_Rows = TypeVar("_Rows", bound="QuerySet[Any]")
_TALLIED = frozenset({"account", "region", "kind"})
_NARROWING = frozenset({*_TALLIED, "resource", "min_confidence", "min_monthly_usd"})


def chosen(query: dict[str, Any]) -> SavingQuerySet:
    """Return the recommendations that are asked for; `dismissed` is "true" or "false"."""
    rows = Saving.objects.filter(is_standing=True, dismissed_at__isnull=query["dismissed"] == "false")
    if "min_confidence" in query:
        rows = rows.filter(confidence__gte=query["min_confidence"])
    if "min_monthly_usd" in query:
        rows = rows.filter(monthly_usd__gte=query["min_monthly_usd"])
    return narrowed(rows, query, *FILTERS)


def narrowed(rows: _Rows, query: dict[str, Any], *names: str) -> _Rows:
    """Keep rows by those of the names that the query has."""
    return rows.filter(**{FILTERS[name]: query[name] for name in names if name in query})


def total(query: dict[str, Any], rows: SavingQuerySet) -> dict[str, Any]:
    """Return what is added up already, where the filters are those by which that was done."""
    if query["dismissed"] == "true" or not _TALLIED.issuperset(query.keys() & _NARROWING):
        return rows.total()
    return tallies.total(_tallies(query), of_kind="kind" in query)


def kinds(query: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what each kind comes to in the account and region asked for."""
    added = _tallies(query).order_by("kind").values("kind")
    sums = added.annotate(count=Sum("recommendations"), usd=Sum("monthly_usd"))
    return [
        {"kind": row["kind"], "recommendations": row["count"], "monthly_usd": row["usd"]}
        for row in sums.order_by("kind")
    ]


def _tallies(query: dict[str, Any]) -> "QuerySet[SavingTally]":
    return narrowed(SavingTally.objects.all(), query, *_TALLIED)


def withheld(query: dict[str, Any]) -> list[dict[str, Any]]:
    """Count the reasons, the most frequent first; of a single resource they are not kept."""
    rows = narrowed(WithheldSaving.objects.all(), query, "account", "region", "kind")
    counted = rows.values("kind", "reason").annotate(count=Sum("resources"))
    return [
        {"kind": row["kind"], "reason": row["reason"], "resources": row["count"]}
        for row in counted.order_by("kind", "-count", "reason")
    ]


def realised(query: dict[str, Any]) -> dict[str, Any]:
    """Add up what changes have saved since."""
    found: dict[str, Any] = narrowed(FollowedSaving.objects.all(), query, *FILTERS).aggregate(
        usd=Sum("monthly_usd", default=0),
        promised=Sum("promised_usd", filter=Q(monthly_usd__isnull=False), default=0),
        known=Count("monthly_usd"),
        changes=Count("*"),
    )
    return {
        "monthly_usd": found["usd"],
        "promised_usd": found["promised"],
        "changes": found["known"],
        "pending": found["changes"] - found["known"],
    }
