"""What was seen of the database, to look at."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet, Sum
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.text import Truncator

from core.admin import ReadOnlyAdmin, pretty
from dbops.models import Observation, RelationHour, Statement

_TEXT_SHOWN = 120
_MB = 1_000_000


@admin.register(Observation)
class ObservationAdmin(ReadOnlyAdmin):
    """The looks, minute by minute."""

    list_display = ("at", "backend", "busy", "waiting", "pool_size", "cache_hit", "health", "took_ms")
    list_filter = ("backend",)
    date_hierarchy = "at"
    fields = (
        *("at", "backend", "pool_size", "active", "idle", "waiting", "max_wait_s", "utilization"),
        *("by_state", "counted", "counters_since", "period_s", "cache_hit", "statements", "chains"),
        *("sizes", "health", "parts", "took_ms"),
    )
    readonly_fields = ("by_state", "counted", "statements", "chains", "sizes", "parts")

    @admin.display(description="utilization", ordering="utilization")
    def busy(self, observation: Observation) -> str:
        return "-" if observation.utilization is None else f"{observation.utilization:.0%}"

    @admin.display(description="connections")
    def by_state(self, observation: Observation) -> SafeString:
        return pretty(observation.connections)

    @admin.display(description="counters")
    def counted(self, observation: Observation) -> SafeString:
        return pretty(observation.counters)

    @admin.display(description="queries")
    def statements(self, observation: Observation) -> SafeString:
        return pretty(observation.queries)

    @admin.display(description="blocking")
    def chains(self, observation: Observation) -> SafeString:
        return pretty(observation.blocking)

    @admin.display(description="size")
    def sizes(self, observation: Observation) -> SafeString:
        return pretty(observation.size)

    @admin.display(description="parts of the health")
    def parts(self, observation: Observation) -> SafeString:
        return pretty(observation.health_parts)


@admin.register(Statement)
class StatementAdmin(ReadOnlyAdmin):
    """The statements, and what all hours that are kept of them add up to."""

    list_display = ("short_text", "calls_kept", "mean_kept", "total_kept", "last_seen")
    search_fields = ("text",)
    fields = (
        *("query_id", "text", "first_seen", "last_seen", "calls", "total_ms"),
        *("calls_kept", "mean_kept", "total_kept"),
    )
    readonly_fields = ("calls_kept", "mean_kept", "total_kept")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Statement]:
        rows: QuerySet[Statement] = super().get_queryset(request)
        return rows.annotate(kept_calls=Sum("hours__calls"), kept_ms=Sum("hours__total_ms"))

    @admin.display(description="statement", ordering="text")
    def short_text(self, statement: Statement) -> str:
        return Truncator(statement.text).chars(_TEXT_SHOWN)

    @admin.display(description="calls (kept hours)", ordering="kept_calls")
    def calls_kept(self, statement: Any) -> int | None:
        calls: int | None = statement.kept_calls
        return calls

    @admin.display(description="mean ms (kept hours)")
    def mean_kept(self, statement: Any) -> str:
        return f"{statement.kept_ms / statement.kept_calls:.2f}" if statement.kept_calls else "-"

    @admin.display(description="total ms (kept hours)", ordering="kept_ms")
    def total_kept(self, statement: Any) -> str:
        return "-" if statement.kept_ms is None else f"{statement.kept_ms:.1f}"


@admin.register(RelationHour)
class RelationHourAdmin(ReadOnlyAdmin):
    """The sizes of tables and indexes, hour by hour."""

    list_display = ("hour", "at", "megabytes")
    date_hierarchy = "hour"
    fields = ("hour", "at", "database_bytes", "largest_tables", "largest_indexes")
    readonly_fields = ("largest_tables", "largest_indexes")

    def get_queryset(self, request: HttpRequest) -> QuerySet[RelationHour]:
        rows: QuerySet[RelationHour] = super().get_queryset(request)
        # The list shows none of it, and it is long.
        return rows.defer("tables", "indexes")

    @admin.display(description="database (MB)", ordering="database_bytes")
    def megabytes(self, hour: RelationHour) -> str:
        return f"{hour.database_bytes / _MB:,.1f}"

    @admin.display(description="largest tables")
    def largest_tables(self, hour: RelationHour) -> SafeString:
        return pretty(hour.tables)

    @admin.display(description="largest indexes")
    def largest_indexes(self, hour: RelationHour) -> SafeString:
        return pretty(hour.indexes)
