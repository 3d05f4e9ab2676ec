"""Computes each night what could be saved, what was followed and what that saved, and stores it."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import F, Q

from analytics import computing
from analytics.models import (
    Computation,
    FollowedSaving,
    Saving,
    SavingsScope,
    Subject,
    WithheldSaving,
)
from analytics.savings import estate, tallies, tracking
from analytics.savings.advice import advise
from analytics.savings.estate import Clock, Found
from analytics.savings.following import RESIZING
from analytics.savings.reasons import general
from analytics.savings.records import Recommendation, Withheld
from analytics.savings.stored_prices import Markets
from collectors import bulk
from collectors.models import CloudAccount, Instance, Volume
from pipelines.claims import Claim
from pipelines.registry import Counts

NOTHING = "No instance and no volume is known yet."

_KEY = ("account_id", "region", "resource", "kind")
_COLUMNS = (
    *_KEY,
    "name",
    "instance_id",
    "volume_id",
    "volumes",
    "from_type",
    "to_type",
    "evidence",
    "notes",
    "coverage",
    "confidence",
    "monthly_usd",
    "price_date",
    "price_source",
    "is_standing",
    "recommended_at",
)


def register() -> None:
    """Have this computed each night."""
    computing.register(Subject.SAVINGS, compute)


def compute(claim: Claim, now: datetime) -> Counts:
    """Look at the whole estate; what is recommended, withheld and followed is stored together."""
    markets = Markets()
    found = _looked(claim, markets, now)
    followed = tracking.newly_followed(markets, now)
    settled = _settled(claim, markets, now)
    with claim.writing():
        if not (found.scopes or Instance.objects.exists() or Volume.objects.exists()):
            Computation.objects.withheld(Subject.SAVINGS, NOTHING, claim.run)
            return Counts()
        _keep_followed(followed)
        FollowedSaving.objects.bulk_update(settled, _SETTLED, batch_size=500)
        counts = _store(found)
        tallies.renew()
        _store_rest(found, markets)
        Computation.objects.done(Subject.SAVINGS, now, claim.run)
    return counts + Counts(followed=len(followed), settled=len(settled))


# --- Looking ---------------------------------------------------------------------------------
@dataclass
class _Looked:
    """What was made of the estate so far: rows of recommendations, and counts."""

    now: datetime
    markets: Markets
    rows: list[tuple[Any, ...]] = field(default_factory=list)
    withheld: Counter[tuple[int, str, str, str]] = field(default_factory=Counter)
    scopes: dict[str, Counter[str]] = field(default_factory=dict)

    def add_instances(self, batch: list[Found]) -> None:
        """Apply the rules to instances, each by itself: two accounts may share an id."""
        for each in batch:
            advice = advise([each.subject], (), self.markets.__getitem__, self.now)
            self._note(each.instance, "instances")
            self._add(each.instance, advice.recommendations, advice.withheld, each.volumes)

    def add_volumes(self, batch: list[Volume]) -> None:
        """Apply the rules to volumes that are attached to nothing."""
        for volume in batch:
            advice = advise((), [estate.disk(volume)], self.markets.__getitem__, self.now)
            self._note(volume, "volumes")
            self._add(volume, advice.recommendations, advice.withheld, [volume.pk])

    def _note(self, of: Instance | Volume, what: str) -> None:
        self.scopes.setdefault(of.region, Counter())[what] += 1

    def _add(
        self,
        of: Instance | Volume,
        recommendations: Iterable[Recommendation],
        withheld: Iterable[Withheld],
        volumes: list[int],
    ) -> None:
        self.rows += [self._row(of, each, volumes) for each in recommendations]
        self.withheld.update(
            (of.account_id, of.region, each.kind.value, general(each.reason)) for each in withheld
        )

    def _row(self, of: Instance | Volume, each: Recommendation, volumes: list[int]) -> tuple[Any, ...]:
        prices = self.markets[of.region].prices
        is_instance = isinstance(of, Instance)
        return (
            of.account_id,
            of.region,
            each.resource,
            each.kind.value,
            of.name if isinstance(of, Instance) else of.tags.get("Name", "")[:256],
            of.pk if is_instance else None,
            None if is_instance else of.pk,
            volumes,
            each.from_type,
            each.to_type,
            dict(each.evidence),
            list(each.notes),
            each.coverage,
            each.confidence,
            each.monthly_usd,
            prices.date,
            prices.source,
            True,
            self.now,
        )


def _looked(claim: Claim, markets: Markets, now: datetime) -> _Looked:
    found = _Looked(now, markets)
    clock = Clock.at(now, ZoneInfo(settings.SAVINGS_TIME_ZONE))
    for instances in estate.instances(clock):
        found.add_instances(instances)
        claim.renew()
    for volumes in estate.loose_volumes():
        found.add_volumes(volumes)
        claim.renew()
    return found


def _settled(claim: Claim, markets: Markets, now: datetime) -> list[FollowedSaving]:
    rows = tracking.due(now)
    for number, row in enumerate(rows):
        tracking.settle(row, markets, now)
        if number % 100 == 0:
            claim.renew()
    return rows


# --- Storing ---------------------------------------------------------------------------------
_SETTLED = ("monthly_usd", "of_promised", "held", "reason", "computed_at", "price_date", "price_source")


def _keep_followed(followed: list[tuple[int, FollowedSaving]]) -> None:
    """Keep what was followed, unless it was dismissed meanwhile, and forget what is about another type."""
    keys = set(
        Saving.objects.standing().filter(pk__in=[key for key, _ in followed]).values_list("pk", flat=True)
    )
    FollowedSaving.objects.bulk_create([row for key, row in followed if key in keys], batch_size=500)
    Saving.objects.filter(pk__in=keys).delete()
    outdated = Saving.objects.standing().filter(kind__in=RESIZING)
    outdated.exclude(instance__instance_type=F("from_type")).delete()


def _store(found: _Looked) -> Counts:
    """Bring the recommendations up to date; what was dismissed stays so."""
    # Those of an account that was deleted meanwhile are left out.
    rows = list(_of_accounts(found))
    with bulk.staged(Saving, _COLUMNS, rows, key=_KEY) as stage:
        counts = stage.upsert(only_on_insert=("recommended_at",))
        stage.execute("ANALYZE {s}")
        missing = "NOT EXISTS (SELECT FROM {s} s WHERE {matches})"
        counts["gone"] = stage.execute(f"DELETE FROM {{t}} t WHERE dismissed_at IS NULL AND {missing}")
        stage.execute(f"UPDATE {{t}} t SET is_standing = false WHERE is_standing AND {missing}")
    lost = Q(instance__gone_at__isnull=False) | Q(volume__gone_at__isnull=False)
    Saving.objects.filter(lost, is_standing=False).delete()
    return counts


def _of_accounts(found: _Looked) -> Iterator[tuple[Any, ...]]:
    there = _there(Instance), _there(Volume)
    instance, volume = (_COLUMNS.index(name) for name in ("instance_id", "volume_id"))
    for row in found.rows:
        if row[instance] in there[0] or row[volume] in there[1]:
            yield row


def _there(model: type[Instance] | type[Volume]) -> set[int]:
    return set(model._default_manager.filter(gone_at=None).values_list("pk", flat=True))


def _store_rest(found: _Looked, markets: Markets) -> None:
    """Replace what was counted before."""
    WithheldSaving.objects.all().delete()
    accounts = set(CloudAccount.objects.values_list("pk", flat=True))
    WithheldSaving.objects.bulk_create(
        [
            WithheldSaving(account_id=account, region=region, kind=kind, reason=reason, resources=count)
            for (account, region, kind, reason), count in found.withheld.items()
            if account in accounts
        ],
        batch_size=500,
    )
    SavingsScope.objects.all().delete()
    SavingsScope.objects.bulk_create(
        SavingsScope(
            region=region,
            instances=counts["instances"],
            volumes=counts["volumes"],
            price_date=markets[region].prices.date,
            price_source=markets[region].prices.source,
        )
        for region, counts in found.scopes.items()
    )
