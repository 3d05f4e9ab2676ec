"""Which recommendations were followed, and what that has saved."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal

from django.db.models import Exists, F, OuterRef, Q

from analytics.models import FollowedSaving, Saving, SavingQuerySet
from analytics.savings import estate, following
from analytics.savings.following import RESIZING, Change, Life, Present, Promise
from analytics.savings.realised import Spell, realised
from analytics.savings.records import Kind
from analytics.savings.sizing import LIMIT
from analytics.savings.stored_prices import Markets
from analytics.savings.usage import Usage
from collectors.models import CpuMetric, Instance, InstanceStateChange, Volume
from core.period import Period

_RETRIED = timedelta(days=60)
"""For how long after a change it is tried to tell what it saved: figures that late do not come any more."""

_SWITCHED = (Kind.IDLE, Kind.SCHEDULE)


# --- Followed --------------------------------------------------------------------------------
def newly_followed(markets: Markets, now: datetime) -> list[tuple[int, FollowedSaving]]:
    """Return what was followed since the last computation, with the row of its recommendation.

    Of a resource about which there were several, one is credited.
    """
    candidates = list(_changed().select_related("instance", "volume"))
    lives = _lives([saving.instance_id for saving in candidates if saving.instance_id])
    gone = _gone([key for saving in candidates for key in saving.volumes])
    of_resource: defaultdict[tuple[int, str, str], dict[Promise, tuple[Saving, FollowedSaving]]]
    of_resource = defaultdict(dict)
    for saving in candidates:
        promise = Promise(Kind(saving.kind), saving.from_type, saving.to_type, saving.monthly_usd)
        present = _present(saving, lives, gone)
        found = following.followed(promise, present)
        if found is not None and _is_meant(saving, found.change, present.type, markets):
            key = saving.account_id, saving.region, saving.resource
            row = _row(saving, found.change, present.type, found.at or now)
            of_resource[key][promise] = saving, row
    return [
        (saving.pk, row)
        for promises in of_resource.values()
        for saving, row in [promises[following.credited(promises, _became(promises))]]
    ]


def _is_meant(saving: Saving, change: Change, became: str, markets: Markets) -> bool:
    """Say whether a change is one for the sake of savings: a type that costs more was chosen for another."""
    if change is not Change.RESIZED or became == saving.to_type:
        return True
    prices = markets[saving.region].prices
    before, after = prices.month(saving.from_type).usd, prices.month(became).usd
    return before is not None and after is not None and after < before


def _became(promises: dict[Promise, tuple[Saving, FollowedSaving]]) -> str:
    return next(row.to_type for _, row in promises.values())


def _changed() -> SavingQuerySet:
    """Keep the recommendations that may have been followed, by what is known of the resource."""
    stops = InstanceStateChange.objects.filter(
        instance=OuterRef("instance"), to_state="stopped", observed_at__gt=OuterRef("recommended_at")
    )
    is_off = Q(kind__in=_SWITCHED) & ~Q(instance__state__in=("pending", "running"))
    return Saving.objects.standing().filter(
        Q(instance__gone_at__isnull=False)
        | Q(volume__gone_at__isnull=False)
        | Q(kind__in=RESIZING) & ~Q(instance__instance_type=F("from_type"))
        | is_off
        | Q(kind=Kind.SCHEDULE) & Exists(stops)
        | Q(kind=Kind.STOPPED)
    )


def _present(saving: Saving, lives: dict[int, Life], gone: dict[int, datetime | None]) -> Present:
    instance = saving.instance
    if instance is None:
        volume = saving.volume
        return Present(saving.from_type, "", None if volume is None else volume.gone_at)
    life = lives[instance.pk]
    disks = [gone.get(key) for key in saving.volumes]
    return Present(
        type=instance.instance_type,
        state=instance.state,
        gone_at=instance.gone_at,
        since=estate.since(instance, life),
        type_since=instance.type_since,
        stops=[at for at, state in life.changes if state == "stopped" and at > saving.recommended_at],
        disks_gone_at=max(at for at in disks if at) if disks and all(disks) else None,
    )


def _row(saving: Saving, change: Change, became: str, at: datetime) -> FollowedSaving:
    return FollowedSaving(
        account_id=saving.account_id,
        region=saving.region,
        resource=saving.resource,
        name=saving.name,
        instance_id=saving.instance_id,
        volume_id=saving.volume_id,
        volumes=saving.volumes,
        kind=saving.kind,
        from_type=saving.from_type,
        to_type=became if change is Change.RESIZED else "",
        price_date=saving.price_date,
        price_source=saving.price_source,
        change=change.value,
        promised_usd=saving.monthly_usd,
        recommended_at=saving.recommended_at,
        changed_at=at,
    )


def _gone(keys: Sequence[int]) -> dict[int, datetime | None]:
    return dict(Volume.objects.filter(pk__in=keys).values_list("pk", "gone_at"))


def _lives(keys: Sequence[int]) -> dict[int, Life]:
    """Return what is known of these instances, a batch at a time."""
    found: dict[int, Life] = {}
    for first in range(0, len(keys), estate.BATCH):
        found |= estate.lives(keys[first : first + estate.BATCH])
    return found


# --- Realised --------------------------------------------------------------------------------
def due(now: datetime) -> list[FollowedSaving]:
    """Return the changes that a fortnight has passed since, and of which it is not known what they saved."""
    waiting = FollowedSaving.objects.filter(monthly_usd=None, changed_at__gt=now - _RETRIED)
    return [row for row in waiting.select_related("instance") if following.is_over(row.changed_at, now)]


def settle(row: FollowedSaving, markets: Markets, now: datetime) -> None:
    """Compute what a change has saved, or why that is not known."""
    prices = markets[row.region].prices
    before, after, reason = _spells(row, markets)
    found = realised(before, after, row.promised_usd)
    row.monthly_usd, row.of_promised, row.held = found.monthly_usd, found.of_promised, found.held
    row.reason, row.computed_at = found.reason, now
    row.price_date, row.price_source = prices.date, prices.source
    if reason:
        row.monthly_usd, row.of_promised, row.reason = None, None, reason


def _spells(row: FollowedSaving, markets: Markets) -> tuple[Spell, Spell, str]:
    """Return what the days before and after cost, and why these cannot be compared, if so."""
    days = following.days_before(row.changed_at), following.days_after(row.changed_at)
    prices = markets[row.region].prices
    if row.kind in (Kind.STOPPED, Kind.UNATTACHED):
        disks = [
            (prices.storage(volume.volume_type, volume.size_gib).usd, volume.gone_at)
            for volume in Volume.objects.filter(pk__in=row.volumes)
        ]
        whole = [(usd, None) for usd, _ in disks]
        return following.stored(days[0], whole), following.stored(days[1], disks), ""
    instance = row.instance
    if instance is None:
        return Spell(0, None), Spell(0, None), "The instance is not known any more."
    life = replace(estate.lives([instance.pk])[instance.pk], gone_at=instance.gone_at)
    before, after = (
        following.ran(
            spell,
            _shares(instance, spell),
            life,
            _hourly_usd(markets, instance, name),
            _p99(instance, spell),
        )
        for spell, name in zip(days, (row.from_type, row.to_type or row.from_type), strict=True)
    )
    return before, after, _changed_again(row, instance)


def _changed_again(row: FollowedSaving, instance: Instance) -> str:
    is_again = instance.type_since is not None and instance.type_since > row.changed_at
    return "Its type was changed again." if is_again else ""


def _hourly_usd(markets: Markets, instance: Instance, name: str) -> Decimal | None:
    prices = markets[instance.region].prices
    return None if prices.month(name, instance.platform).usd is None else prices.hourly[name]


def _shares(instance: Instance, days: Sequence[date]) -> dict[date, float]:
    rows = CpuMetric.objects.filter(ec2=instance).between(days[0], days[-1] + timedelta(days=1))
    return dict(rows.values_list("date", "coverage"))


def _p99(instance: Instance, days: Sequence[date]) -> float | None:
    """Return the CPU's 99th percentile; None where it is unknown, or only known to be no higher than that."""
    period = Period(days[0], days[-1] + timedelta(days=1))
    usage: Usage | None = estate.usages({instance.pk: None}, period).get(instance.pk)
    if usage is None or (usage.notes and usage.cpu.p99 > LIMIT):
        return None
    return usage.cpu.p99
