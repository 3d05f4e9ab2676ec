"""What the recommendations of each account, region and kind come to, so that no answer adds thousands up."""

from typing import Any

from django.db import connection
from django.db.models import QuerySet, Sum

from analytics.models import Saving, SavingTally

_ADDED_UP = f"""
    INSERT INTO {SavingTally._meta.db_table} (account_id, region, kind,
        recommendations, monthly_usd, unpriced, best_resources, best_usd, best_unpriced)
    SELECT account_id, region, kind, count(*), coalesce(sum(monthly_usd), 0), count(*) - count(monthly_usd),
        count(*) FILTER (WHERE place = 1),
        coalesce(sum(monthly_usd) FILTER (WHERE place = 1), 0),
        count(*) FILTER (WHERE place = 1 AND monthly_usd IS NULL)
    FROM (
        SELECT account_id, region, kind, monthly_usd, row_number() OVER (
            PARTITION BY account_id, region, resource
            ORDER BY monthly_usd DESC NULLS LAST, confidence DESC, kind
        ) AS place
        FROM {Saving._meta.db_table}
        WHERE is_standing AND dismissed_at IS NULL
            AND account_id = coalesce(%(account)s, account_id) AND region = coalesce(%(region)s, region)
    ) ranked
    GROUP BY account_id, region, kind"""

_OF_KIND = ("recommendations", "monthly_usd", "unpriced")
_BEST = ("best_resources", "best_usd", "best_unpriced")


def renew(*, account: int | None = None, region: str | None = None) -> None:
    """Add up anew, all or what one account has in a region; for use inside a transaction.

    Of the recommendations about a resource, the best counts as such: the largest, of equal ones the surer.
    """
    place = {"account": account, "region": region}
    SavingTally.objects.filter(**{name: value for name, value in place.items() if value is not None}).delete()
    with connection.cursor() as cursor:
        cursor.execute(_ADDED_UP, place)


def total(tallies: "QuerySet[SavingTally]", *, of_kind: bool) -> dict[str, Any]:
    """Return what the best of each resource comes to; of one kind, each resource has but one."""
    resources, usd, unpriced = _OF_KIND if of_kind else _BEST
    return tallies.order_by().aggregate(
        monthly_usd=Sum(usd, default=0),
        resources=Sum(resources, default=0),
        unpriced=Sum(unpriced, default=0),
    )
