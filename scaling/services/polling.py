"""Readings of what real instances measure, from CloudWatch, each as often as its source publishes.

The tick looks for the instances that are due and orders a task for each batch. The task claims its
instances: one UPDATE moves their next reading to when the source can have published again, and whoever
comes second finds nothing due. So two ticks at once, or a message that is delivered twice, pay once. A worker
that is killed after its claim costs a period and no data: how far an instance was read is stored with its
samples, in one transaction, and the next reading goes on from there.

AWS charges $0.01 per 1,000 metrics requested, however many points each has. Three metrics of an instance,
four where it publishes its memory, come to

    ========  ==============  ============  =========================
    period    readings a day  a day         for $1.00 a day
    ========  ==============  ============  =========================
    300 s     288             $0.009-0.012  115 instances, or 86
    60 s      1,440           $0.043-0.058  23 instances, or 17
    30, 10 s  2,880           $0.086-0.115  11 instances, or 8
    ========  ==============  ============  =========================

That is reserved from SCALING_DAILY_BUDGET_USD of the account before each call. EC2 itself publishes every
five minutes, every minute with detailed monitoring, and never more often; shorter periods are for sources
that the instances' owners publish. Asking takes the permissions of the collector, no more.

Source: https://aws.amazon.com/cloudwatch/pricing/
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from math import ceil
from typing import NamedTuple

import numpy as np
from django.db import connection, transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from collectors.aws import metrics
from collectors.aws.metricdata import MOST_QUERIES, Window
from collectors.aws.metrics import Readings, Target
from collectors.models import CloudAccount, Instance
from collectors.services import rates
from collectors.services.access import batched, open_clouds
from collectors.services.metrics import samples_of
from collectors.services.rates import Place
from core.epoch import microseconds
from core.errors import CloudIntelError, CredentialsRefusedError
from pipelines import messages
from scaling import pace
from scaling.columns import Samples
from scaling.models import ManagedInstance, Source
from scaling.roster import PERIOD_S, listed
from scaling.services import arrivals, clouds, setbacks

TASK = "scaling.tasks.read_metrics"
QUEUE = "readings"
"""Apart from collection's, which may hold minutes of work: by then the samples would be stale."""
BATCH = 500
"""Instances a message: three metrics of each are three full calls."""
EXPIRES_S = 60.0
"""Each tick orders again what is still due, so that messages need not outlive two of them."""

_CLAIM = f"""
WITH due AS (
    SELECT id FROM {ManagedInstance._meta.db_table}
    WHERE id = ANY(%(ids)s) AND is_monitoring AND (next_reading_at IS NULL OR next_reading_at <= %(now)s)
    ORDER BY id FOR NO KEY UPDATE
)
UPDATE {ManagedInstance._meta.db_table} AS instance SET next_reading_at = %(next)s
FROM due WHERE instance.id = due.id RETURNING instance.id
"""


class Batch(NamedTuple):
    """Instances of one account and region whose sources publish at one pace."""

    ids: list[int]
    period_s: int


class Watched(NamedTuple):
    """What is read of one instance: under which key, up to when it was, and where its memory is."""

    key: int
    region: str
    instance_id: str
    read_through: datetime | None
    memory: dict[str, str] | None


_WATCHED = ("pk", "region", "instance_id", "read_through", "inventory__metric_series__memory_dimensions")


@dataclass(frozen=True, slots=True)
class Claimed:
    """What this worker alone reads now."""

    account: CloudAccount
    region: str
    period_s: int
    until: datetime
    window: Window
    watched: Mapping[str, Watched]

    @property
    def targets(self) -> list[Target]:
        return [Target(one.instance_id, one.memory) for one in self.watched.values()]

    def keys(self, targets: Iterable[Target]) -> list[int]:
        """Return the keys of these targets."""
        return [self.watched[target.instance_id].key for target in targets]


# --- The tick --------------------------------------------------------------------------------
def start(now: datetime) -> None:
    """Order the readings that are due; what the broker does not take, the next tick orders."""
    for batch in due(now):
        if not messages.order(TASK, *batch, queue=QUEUE, expires_s=EXPIRES_S):
            return


def due(now: datetime) -> list[Batch]:
    """Return what is to be read, those together that were read up to about the same time."""
    waiting = _readable().filter(Q(next_reading_at=None) | Q(next_reading_at__lte=now))
    place = ("inventory__account", "inventory__region", "period_s")
    rows = waiting.annotate(period_s=PERIOD_S).order_by(*place, F("read_through").asc(nulls_first=True), "pk")
    return [
        Batch(ids, period_s)
        for (_, _, period_s), alike in groupby(rows.values_list(*place, "pk"), key=lambda row: row[:3])
        for ids in batched((row[3] for row in alike), BATCH)
    ]


def _readable() -> QuerySet[ManagedInstance]:
    """Return the real instances that are monitored, may be, and run in an enabled account."""
    return (
        ManagedInstance.objects.real()
        .monitored()
        .filter(listed(), inventory__in=Instance.objects.running().filter(account__enabled=True))
    )


# --- A batch ---------------------------------------------------------------------------------
def read(ids: Sequence[int], period_s: int) -> None:
    """Read what is due of a batch, and store it with how far it goes; safe to repeat.

    What was read before a call failed is stored.
    """
    claimed = _claim(ids, period_s)
    if claimed is None:
        return
    done: list[Readings] = []
    try:
        _ask(claimed, done)
    except CloudIntelError as error:
        _store(claimed, done)
        told = sum(len(readings.targets) for readings in done)
        setbacks.met(error, claimed.account, claimed.region, claimed.keys(claimed.targets[told:]))
    else:
        _store(claimed, done)
        setbacks.over(claimed.account, claimed.region)


def _claim(ids: Sequence[int], period_s: int) -> Claimed | None:
    """Take those of a batch that are due, and are still to be read."""
    now = timezone.now()
    until = pace.next_reading(period_s, now)
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, {"ids": list(ids), "now": now, "next": until})
        taken = [key for (key,) in cursor.fetchall()]
    rows = _readable().filter(pk__in=taken).order_by("pk")
    watched = [Watched(*row) for row in rows.values_list(*_WATCHED)]
    if not watched:
        return None
    return Claimed(
        account=CloudAccount.objects.get(instances__managed=watched[0].key),
        region=watched[0].region,
        period_s=period_s,
        until=until,
        window=pace.window_of((one.read_through for one in watched), period_s, now),
        watched={one.instance_id: one for one in watched},
    )


def _ask(claimed: Claimed, done: list[Readings]) -> None:
    """Add to `done` what each call tells. Raises: CloudIntelError, after what was told before."""
    _admit(claimed)
    door = clouds.reader(claimed.account)
    try:
        done.extend(
            metrics.readings(door, claimed.region, claimed.targets, claimed.window, period_s=claimed.period_s)
        )
    except CredentialsRefusedError:
        open_clouds.close(door.access)
        raise


def _admit(claimed: Claimed) -> None:
    window, targets = claimed.window, claimed.targets
    queries = metrics.metric_queries(len(targets), sum(bool(target.memory) for target in targets))
    periods = (window.end - window.start) // timedelta(seconds=claimed.period_s)
    place = Place(claimed.account.account_id, claimed.region)
    # Who waited may come back in another batch: what was taken is for whatever is read there at this pace.
    rates.admit(
        place,
        f"managed:{place.account_id}:{place.region}:{claimed.period_s}",
        GetMetricData=ceil(queries / MOST_QUERIES),
        points=rates.points(queries * periods, timezone.now() - window.start),
    )


def _store(claimed: Claimed, done: Sequence[Readings]) -> None:
    """Store what was read of those that are still there, and that no later reading has been stored of."""
    if not done:
        return
    read = claimed.keys(target for readings in done for target in readings.targets)
    found = _samples(claimed, done)
    ours = ManagedInstance.objects.filter(pk__in=read).exclude(read_through__gt=claimed.window.end)
    with transaction.atomic():
        kept = list(ours.select_for_update(no_key=True).order_by("pk").values_list("pk", flat=True))
        arrivals.record(found.where(np.isin(found.instance, kept)))
        stored = ManagedInstance.objects.filter(pk__in=kept)
        _ask_again(claimed, stored.filter(pk__in=_late(claimed, found)))
        stored.update(read_through=claimed.window.end)


def _samples(claimed: Claimed, done: Sequence[Readings]) -> Samples:
    found = samples_of(done, {one.instance_id: one.key for one in claimed.watched.values()})
    return Samples(
        instance=found.series,
        time=found.times,
        source=np.full(len(found), Source.CLOUDWATCH, np.int16),
        outlier=np.zeros(len(found), np.int16),
        values=found.values,
    )


def _late(claimed: Claimed, found: Samples) -> list[int]:
    """Return the instances whose newest CPU is missing, although they had the one before."""
    period_us = claimed.period_s * 1_000_000
    newest_us = microseconds(claimed.window.end) - period_us
    cpu = found.where(~np.isnan(found.values[0]))
    newest, before = (cpu.instance[cpu.time == time_us] for time_us in (newest_us, newest_us - period_us))
    late: list[int] = np.setdiff1d(before, newest).tolist()
    return late


def _ask_again(claimed: Claimed, late: QuerySet[ManagedInstance]) -> None:
    """Read them at the next tick, once: what this window was read of before is not asked again."""
    first_try = late.filter(next_reading_at=claimed.until).exclude(read_through=claimed.window.end)
    first_try.update(next_reading_at=pace.second_try(claimed.period_s, claimed.window))
