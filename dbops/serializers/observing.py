"""The shapes in which the state of the database, and the load of its past, are shown."""

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

from rest_framework import serializers

from core.query import Query
from dbops.models import Observation
from dbops.readings import Index, PoolReading, Reading, Table

MOST_HOURS = 720
_UNKNOWN = "Null is unknown; the reason says why."
_NEVER_OBSERVED = (
    "Nothing has been observed yet: the health is judged once a minute while the automation runs."
)
_NOT_JUDGED = "The health has not been judged yet, or too little of it is known."


class HistoryQuery(Query):
    """How far to look back."""

    hours = serializers.IntegerField(default=24, min_value=1, max_value=MOST_HOURS)


# --- Who is connected ------------------------------------------------------------------------
class SessionSerializer(serializers.Serializer[Any]):
    """A session, its query without literals."""

    pid = serializers.IntegerField()
    application = serializers.CharField()
    state = serializers.CharField()
    seconds = serializers.FloatField(help_text="In this state, or since its query began.")
    query = serializers.CharField()


class ConnectionsSerializer(serializers.Serializer[Any]):
    """Clients of the whole server; those idle in a transaction are of this database."""

    by_state = serializers.DictField(child=serializers.IntegerField())
    total = serializers.IntegerField()
    limit = serializers.IntegerField(help_text="max_connections.")
    longest_transaction_s = serializers.FloatField(allow_null=True, help_text="Null: there is none.")
    longest_query_s = serializers.FloatField(allow_null=True, help_text="Null: none runs.")
    idle_in_transaction = SessionSerializer(many=True)


class DatabasePoolSerializer(serializers.Serializer[Any]):
    """The pool of connections."""

    backend = serializers.CharField(allow_null=True)
    size = serializers.IntegerField(allow_null=True)
    active = serializers.FloatField(allow_null=True)
    idle = serializers.FloatField(allow_null=True)
    waiting = serializers.FloatField(allow_null=True)
    max_wait_s = serializers.FloatField(allow_null=True)
    utilization = serializers.FloatField(allow_null=True, help_text="Busy share, 0 to 1.")
    reason = serializers.CharField(allow_blank=True, help_text="Why it is not known.")


class BlockedSerializer(serializers.Serializer[Any]):
    """A session that waits for a lock, and the one at the end of its chain."""

    pid = serializers.IntegerField()
    seconds = serializers.FloatField()
    query = serializers.CharField()
    blocked_by = serializers.ListField(child=serializers.IntegerField())
    root = serializers.IntegerField(  # type: ignore[assignment]  # DRF takes fields out of the class
        help_text="0 is a prepared transaction."
    )
    root_application = serializers.CharField()
    root_state = serializers.CharField()
    root_query = serializers.CharField()


# --- What was counted ------------------------------------------------------------------------
class StatementFiguresSerializer(serializers.Serializer[Any]):
    """A statement's calls in a period, their mean and their total time."""

    query_id = serializers.CharField()
    query = serializers.CharField()
    calls = serializers.IntegerField()
    mean_ms = serializers.FloatField()
    total_ms = serializers.FloatField()


class RegressionSerializer(serializers.Serializer[Any]):
    """A statement whose mean of the last day is above that of the week before."""

    query_id = serializers.CharField()
    query = serializers.CharField()
    mean_ms = serializers.FloatField()
    mean_before_ms = serializers.FloatField()
    calls = serializers.IntegerField()
    calls_before = serializers.IntegerField()


class QueriesSerializer(serializers.Serializer[Any]):
    """Statements since the last observation."""

    calls = serializers.IntegerField(allow_null=True, help_text=_UNKNOWN)
    mean_ms = serializers.FloatField(allow_null=True, help_text=_UNKNOWN)
    total_ms = serializers.FloatField(allow_null=True, help_text=_UNKNOWN)
    slow = serializers.IntegerField(allow_null=True, help_text="Of a second and more. " + _UNKNOWN)
    response_s = serializers.FloatField(
        allow_null=True, help_text="The longest of what runs and of the means. Null: neither is known."
    )
    slowest = StatementFiguresSerializer(many=True)
    regressions = RegressionSerializer(many=True)
    reason = serializers.CharField(allow_blank=True)
    running = SessionSerializer(allow_null=True, help_text="What has run longest. Null: nothing runs.")


class TransactionsSerializer(serializers.Serializer[Any]):
    """How transactions ended."""

    commits = serializers.IntegerField(allow_null=True)
    rollbacks = serializers.IntegerField(allow_null=True)


class AnswersSerializer(serializers.Serializer[Any]):
    """How often an answer of analytics was found in the cache."""

    hits = serializers.IntegerField(allow_null=True)
    misses = serializers.IntegerField(allow_null=True)
    hit_rate = serializers.FloatField(allow_null=True, help_text="0 to 1.")
    reason = serializers.CharField(allow_blank=True, help_text="Why something is not known.")


class CacheSerializer(serializers.Serializer[Any]):
    """The counters of the database since the last observation; all are null where the reason says why."""

    hit_ratio = serializers.FloatField(allow_null=True, help_text="Blocks found in memory, 0 to 1.")
    blocks_hit = serializers.IntegerField(allow_null=True)
    blocks_read = serializers.IntegerField(allow_null=True)
    transactions = TransactionsSerializer()
    deadlocks = serializers.IntegerField(allow_null=True)
    temp_files = serializers.IntegerField(allow_null=True)
    temp_bytes = serializers.IntegerField(allow_null=True)
    since = serializers.DateTimeField(allow_null=True, help_text="When they were last reset.")
    period_s = serializers.FloatField(allow_null=True)
    reason = serializers.CharField(allow_blank=True)
    answers = AnswersSerializer()


# --- How large it is -------------------------------------------------------------------------
class TableSerializer(serializers.Serializer[Any]):
    """A table, or all partitions of one where they are judged together."""

    name = serializers.CharField()
    total_bytes = serializers.IntegerField()
    table_bytes = serializers.IntegerField()
    rows = serializers.IntegerField(help_text="Estimated.")
    dead_rows = serializers.IntegerField()
    bloat = serializers.FloatField(allow_null=True, help_text="Estimated share; null where it cannot be.")
    sequential_scans = serializers.IntegerField()
    sequential_rows = serializers.IntegerField()
    index_scans = serializers.IntegerField()
    modified_since_analyze = serializers.IntegerField()
    last_analyze = serializers.DateTimeField(allow_null=True)


class IndexSerializer(serializers.Serializer[Any]):
    """An index, or all partitions of one where they are judged together."""

    name = serializers.CharField()
    table = serializers.CharField()
    bytes = serializers.IntegerField()
    scans = serializers.IntegerField()
    is_unique = serializers.BooleanField()
    is_valid = serializers.BooleanField()  # type: ignore[assignment]  # DRF takes fields out of the class
    bloat = serializers.FloatField(allow_null=True, help_text="Estimated share; null where it cannot be.")
    definition = serializers.CharField()


class BloatedSerializer(serializers.Serializer[Any]):
    """A table or an index that could do without half of its bytes and more."""

    kind = serializers.ChoiceField(["table", "index"])
    name = serializers.CharField()
    bytes = serializers.IntegerField()
    bloat = serializers.FloatField()


class SizeSerializer(serializers.Serializer[Any]):
    """The database and what is in it: the largest tables and indexes, and what is worth looking into."""

    database_bytes = serializers.IntegerField()
    growth_bytes_a_day = serializers.FloatField(allow_null=True, help_text="Of up to a week. " + _UNKNOWN)
    xid_age = serializers.IntegerField()
    xid_limit = serializers.IntegerField()
    counted_since = serializers.DateTimeField(
        allow_null=True, help_text="When scans began to be counted; null: when the database was created."
    )
    tables = TableSerializer(many=True)
    indexes = IndexSerializer(many=True)
    unused_indexes = IndexSerializer(many=True)
    missing_index_candidates = TableSerializer(many=True)
    bloated = BloatedSerializer(many=True)
    reason = serializers.CharField(allow_blank=True)


# --- All of it -------------------------------------------------------------------------------
class DatabaseHealthPartSerializer(serializers.Serializer[Any]):
    """A part of the health score."""

    name = serializers.CharField()
    weight = serializers.IntegerField()
    value = serializers.FloatField(allow_null=True)
    score = serializers.IntegerField(allow_null=True, help_text="0 to 100. " + _UNKNOWN)
    reason = serializers.CharField(allow_blank=True)


class ObservedHealthSerializer(serializers.Serializer[Any]):
    """The health as it was last judged."""

    at = serializers.DateTimeField(allow_null=True)
    score = serializers.IntegerField(allow_null=True, help_text="0 to 100. " + _UNKNOWN)
    parts = DatabaseHealthPartSerializer(many=True)
    reason = serializers.CharField(allow_blank=True)


class DatabaseMetricsSerializer(serializers.Serializer[Any]):
    """The state of the database at this moment."""

    at = serializers.DateTimeField()
    connections = ConnectionsSerializer()
    pool = DatabasePoolSerializer()
    queries = QueriesSerializer()
    blocking = BlockedSerializer(many=True)
    cache = CacheSerializer()
    size = SizeSerializer()
    health = ObservedHealthSerializer()


def shown(reading: Reading, observed: Observation | None, answers: Mapping[str, Any]) -> dict[str, Any]:
    """Return a look in the shape of DatabaseMetricsSerializer; `answers` is how the cache of answers does."""
    return {
        "at": reading.at,
        "connections": asdict(reading.connections),
        "pool": {**_pool(reading.pool), "reason": reading.pool_reason},
        "queries": asdict(reading.queries),
        "blocking": [asdict(each) for each in reading.blocking],
        "cache": {**_cache(reading), "answers": dict(answers)},
        "size": {**asdict(reading.size), "bloated": [_bloated(each) for each in reading.size.bloated]},
        "health": health_of(observed),
    }


def _pool(pool: PoolReading | None) -> dict[str, Any]:
    return dict.fromkeys(each.name for each in fields(PoolReading)) if pool is None else asdict(pool)


def _cache(reading: Reading) -> dict[str, Any]:
    counted = asdict(reading.counters)
    transactions = {name: counted.pop(name) for name in ("commits", "rollbacks")}
    return {"hit_ratio": reading.cache_hit, "transactions": transactions, **counted}


def _bloated(found: Index | Table) -> dict[str, Any]:
    is_table = isinstance(found, Table)
    size = found.table_bytes if isinstance(found, Table) else found.bytes
    kind = "table" if is_table else "index"
    return {"kind": kind, "name": found.name, "bytes": size, "bloat": found.bloat}


def health_of(observed: Observation | None) -> dict[str, Any]:
    """Return an observation's health in the shape of ObservedHealthSerializer; null, and why, without one."""
    if observed is None:
        return {"at": None, "score": None, "parts": [], "reason": _NEVER_OBSERVED}
    reason = _NOT_JUDGED if observed.health is None else ""
    return {"at": observed.at, "score": observed.health, "parts": observed.health_parts, "reason": reason}


class LoadPointSerializer(serializers.Serializer[Any]):
    """The load of one minute."""

    timestamp = serializers.DateTimeField()
    utilization = serializers.FloatField(
        allow_null=True, help_text="Busy share of the pool, 0 to 1; null where the pool did not answer."
    )
    active = serializers.FloatField(allow_null=True)
    idle = serializers.FloatField(allow_null=True)
    waiting = serializers.FloatField(allow_null=True)
    pool_size = serializers.IntegerField(allow_null=True)


class LoadHistorySerializer(serializers.Serializer[Any]):
    """The load minute by minute, the oldest first; minutes that were not observed are left out."""

    points = LoadPointSerializer(many=True)
