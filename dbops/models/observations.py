"""What was seen of the database, minute by minute."""

from datetime import UTC, datetime, timedelta
from typing import Any, Self

from django.db import models
from django.db.models import Exists, F, Func, Max, Min, OuterRef, Q, QuerySet, Value
from django.db.models.functions import TruncDay

MINUTES_KEPT = timedelta(days=35)
"""How long single looks are kept, and hours: a month can be compared with the week before it."""
DAYS_KEPT = timedelta(days=365)
"""How long one look a day at the sizes is kept."""
_EPOCH = datetime.fromtimestamp(0, UTC)


class ObservationQuerySet(models.QuerySet["Observation"]):
    def between(self, start: datetime, end: datetime) -> Self:
        """Keep the observations of the half-open range [start, end)."""
        return self.filter(at__gte=start, at__lt=end)

    def with_pool(self) -> Self:
        """Keep those in which the pool answered."""
        return self.filter(pool_size__isnull=False)

    def by_slot(self, length: timedelta) -> "QuerySet[Observation, Any]":
        """Return the worst of each slot of that length, counted from 1970, by the moment it begins at.

        `used` are connections that nobody else could have; all but the moment are null where nobody knew.
        """
        begun = Func(
            Value(length),
            F("at"),
            Value(_EPOCH),
            function="date_bin",
            output_field=models.DateTimeField(),
        )
        return (
            self.order_by()
            .values(slot=begun)
            .annotate(
                used=Max(F("utilization") * F("pool_size")),
                most_waiting=Max("waiting"),
                largest=Max("pool_size"),
                worst_health=Min("health"),
            )
            .order_by("slot")
        )

    def outlived(self, now: datetime) -> Self:
        """Keep those that nobody needs any more."""
        return self.filter(at__lt=now - MINUTES_KEPT)


class Observation(models.Model):
    """One look at the database and its pool; counters are what was added since the look before."""

    at = models.DateTimeField(unique=True)
    backend = models.CharField(
        max_length=20, blank=True, help_text="pgbouncer or observe-only; empty where the pool did not answer."
    )
    pool_size = models.PositiveIntegerField(null=True)
    active = models.FloatField(null=True, help_text="Connections of the pool that were busy.")
    idle = models.FloatField(null=True, help_text="Connections of the pool that were free.")
    waiting = models.FloatField(null=True, help_text="Clients that waited for a connection.")
    max_wait_s = models.FloatField(null=True, help_text="How long the first of them had waited.")
    utilization = models.FloatField(null=True, help_text="Busy share of the pool, 0 to 1.")
    connections = models.JSONField(help_text="By state.")
    counters = models.JSONField(
        null=True, help_text="Since the look before; empty where there was none, or the counters were reset."
    )
    counters_since = models.DateTimeField(null=True, help_text="When they were last reset.")
    period_s = models.FloatField(null=True, help_text="For how long the counters were counted.")
    cache_hit = models.FloatField(null=True, help_text="Share of blocks found in memory, 0 to 1.")
    queries = models.JSONField()
    blocking = models.JSONField()
    size = models.JSONField()
    health = models.PositiveSmallIntegerField(
        null=True, help_text="0 to 100; empty where too little is known."
    )
    health_parts = models.JSONField(default=list)
    took_ms = models.FloatField(help_text="How long its transaction took.")

    objects = ObservationQuerySet.as_manager()

    class Meta:
        ordering = ("-at",)

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M}"


class DatabaseCounters(models.Model):
    """What PostgreSQL's counters of this database showed last; one row."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    at = models.DateTimeField()
    since = models.DateTimeField(null=True, help_text="When they were last reset.")
    values = models.JSONField()

    def __str__(self) -> str:
        return f"counters at {self.at:%Y-%m-%d %H:%M}"


class StatementQuerySet(models.QuerySet["Statement"]):
    def outlived(self, now: datetime) -> Self:
        """Keep those that PostgreSQL has forgotten, and that have no hours any more."""
        hours = StatementHour.objects.filter(statement=OuterRef("pk"))
        return self.filter(~Exists(hours), last_seen__lt=now - MINUTES_KEPT, calls=0)


class Statement(models.Model):
    """A statement that pg_stat_statements knows, and what its counters showed last."""

    query_id = models.BigIntegerField(primary_key=True)
    text = models.TextField()
    first_seen = models.DateTimeField()
    last_seen = models.DateTimeField()
    calls = models.BigIntegerField(help_text="Since the counters were reset.")
    total_ms = models.FloatField()

    objects = StatementQuerySet.as_manager()

    class Meta:
        ordering = ("query_id",)

    def __str__(self) -> str:
        return self.text[:80]


class StatementHourQuerySet(models.QuerySet["StatementHour"]):
    def outlived(self, now: datetime) -> Self:
        """Keep the hours that nobody needs any more."""
        return self.filter(hour__lt=now - MINUTES_KEPT)


class StatementHour(models.Model):
    """What a statement cost in one hour."""

    pk = models.CompositePrimaryKey("hour", "statement_id")
    hour = models.DateTimeField()
    statement = models.ForeignKey(Statement, models.CASCADE, related_name="hours")
    calls = models.BigIntegerField()
    total_ms = models.FloatField()
    slow_calls = models.BigIntegerField(help_text="Calls of minutes in which its mean was slow.")

    objects = StatementHourQuerySet.as_manager()

    class Meta:
        ordering = ("-hour", "-total_ms")

    def __str__(self) -> str:
        return f"{self.statement_id} in {self.hour:%Y-%m-%d %H}"


class RelationHourQuerySet(models.QuerySet["RelationHour"]):
    def outlived(self, now: datetime) -> Self:
        """Keep those that nobody needs any more: in the end the first of a day stands for all of it."""
        of_that_day = {"hour__gte": OuterRef("day"), "hour__lt": OuterRef("hour")}
        doubled = Exists(self.model._default_manager.filter(**of_that_day))
        old = Q(hour__lt=now - DAYS_KEPT) | Q(doubled, hour__lt=now - MINUTES_KEPT)
        return self.annotate(day=TruncDay("hour")).filter(old)


class RelationHour(models.Model):
    """What tables and indexes looked like in one hour; the last look counts."""

    hour = models.DateTimeField(unique=True)
    at = models.DateTimeField()
    database_bytes = models.BigIntegerField()
    tables = models.JSONField()
    indexes = models.JSONField()

    objects = RelationHourQuerySet.as_manager()

    class Meta:
        ordering = ("-hour",)

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M}"
