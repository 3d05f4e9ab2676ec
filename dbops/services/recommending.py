"""Recommendations, from a look at the database and from what was observed of it in the last day."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection
from django.db.models import BigIntegerField, Count, F, Q, Sum
from django.db.models.fields.json import KT, KeyTransform
from django.db.models.functions import Cast

from dbops import relation_advice, server_advice
from dbops.advice import Advice, Checks, Known, Lately, PoolLimits, Recommendation, Server, advise
from dbops.models import BackupCheck, Observation, StatementHour
from dbops.percentile import Percentile
from dbops.readings import Reading, StatementFigures
from dbops.services import observing

DAY = timedelta(days=1)
STATEMENTS = 50
"""So many statements are looked at, the most costly first."""
SATURATED = 0.95
_BUFFER_BYTES = 8192
_INDEXES_OVER = relation_advice.SURE_AFTER + DAY
"""Longer than needed to be sure of an index, nobody has to know it."""

RULES = (*server_advice.RULES, *relation_advice.RULES)
Look = Callable[[datetime], Reading]


def recommendations(now: datetime, *, look: Look | None = None) -> list[Recommendation]:
    """Return what is recommended at present, the most severe first."""
    return list(advice(now, look=look).recommendations)


def advice(now: datetime, *, look: Look | None = None) -> Advice:
    """Return recommendations, and what is not known. Raises: CloudIntelError where it cannot look."""
    return advise(_known((look or observing.look)(now), now), RULES)


def _known(reading: Reading, now: datetime) -> Known:
    return Known(
        reading=reading,
        now=now,
        server=_server(),
        lately=_lately(now),
        statements=costliest(now - DAY, now, STATEMENTS),
        checks=_checks(),
        limits=PoolLimits(settings.POOL_MIN_SIZE, settings.POOL_MAX_SIZE),
        roles=_roles([each.pid for each in reading.connections.idle_in_transaction]),
        unused_since=_unused_since([each.name for each in reading.size.unused_indexes], now),
    )


def costliest(start: datetime, end: datetime, number: int) -> tuple[StatementFigures, ...]:
    """Return the statements that took most time, in whole hours: the one that `start` is in counts, too."""
    hours = StatementHour.objects.filter(
        hour__gte=start.replace(minute=0, second=0, microsecond=0), hour__lt=end
    )
    sums = hours.order_by().values("statement_id", text=F("statement__text"))
    sums = sums.annotate(all_calls=Sum("calls"), all_ms=Sum("total_ms")).filter(all_calls__gt=0)
    return tuple(
        StatementFigures(
            query_id=str(row["statement_id"]),
            query=row["text"],
            calls=row["all_calls"],
            mean_ms=row["all_ms"] / row["all_calls"],
            total_ms=row["all_ms"],
        )
        for row in sums.order_by("-all_ms", "statement_id")[:number]
    )


def counted(name: str) -> Sum:
    """Sum up one of the counters of observations; null where none has it."""
    return Sum(Cast(KT(f"counters__{name}"), BigIntegerField()))


def _lately(now: datetime) -> Lately:
    used_up = Q(utilization__gte=SATURATED) | Q(waiting__gt=0)
    found = Observation.objects.between(now - DAY, now).aggregate(
        observations=Count("at"),
        p95_utilization=Percentile("utilization", share=0.95),
        saturated_at_maximum=Count("at", filter=used_up & Q(pool_size__gte=settings.POOL_MAX_SIZE)),
        at_minimum=Count("at", filter=Q(pool_size__lte=settings.POOL_MIN_SIZE)),
        blocks_hit=counted("blocks_hit"),
        blocks_read=counted("blocks_read"),
    )
    return Lately(**found)


def _checks() -> Checks:
    ended = BackupCheck.objects.filter(finished_at__isnull=False)
    latest = ended.first()
    verified = latest if latest is None or latest.is_verified else ended.filter(is_verified=True).first()
    failed = latest is not None and not latest.is_verified
    return Checks(
        verified_at=None if verified is None else verified.finished_at,
        latest_at=None if latest is None else latest.finished_at,
        latest_error=(latest.error or "the restored tables differ") if latest and failed else None,
    )


def _unused_since(names: Iterable[str], now: datetime) -> dict[str, datetime]:
    """Return from when on each look found those indexes unused: what it did not find may be another index."""
    since: dict[str, datetime] = {}
    left = set(names)
    looks = Observation.objects.between(now - _INDEXES_OVER, now).order_by("-at")
    listed = looks.annotate(names=KeyTransform("unused_indexes", "size")).values_list("at", "names")
    for at, found in listed.iterator() if left else ():
        left &= set(found or ())
        if not left:
            break
        since.update(dict.fromkeys(left, at))
    return since


# --- What the server says of itself ---------------------------------------------------------------
def _server() -> Server:
    names = ["shared_buffers", "max_connections", "server_version_num"]
    with connection.cursor() as cursor:
        cursor.execute("SELECT name, setting::bigint FROM pg_settings WHERE name = ANY(%s)", [names])
        found = dict(cursor.fetchall())
    return Server(
        shared_buffers_bytes=found["shared_buffers"] * _BUFFER_BYTES,
        max_connections=found["max_connections"],
        version=found["server_version_num"],
    )


def _roles(pids: Sequence[int]) -> dict[int, str]:
    if not pids:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pid, usename FROM pg_stat_activity WHERE pid = ANY(%s) AND usename <> ''", [list(pids)]
        )
        return dict(cursor.fetchall())
