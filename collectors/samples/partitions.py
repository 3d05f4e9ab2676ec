"""The daily partitions: created before they are needed, dropped when their time is over."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from django.conf import settings
from django.db import OperationalError, connection, models, transaction

from collectors.models import MetricHour, MetricSample

logger = logging.getLogger(__name__)

AHEAD = timedelta(days=3)
# A writer that looked at its clock just before midnight must still find its partition.
SPARE = timedelta(days=1)
# Whoever reads the table waits behind the drop; so it gives up soon, and the next run tries again.
DROP_LOCK_TIMEOUT = "500ms"


@dataclass(frozen=True, slots=True)
class Partitioned:
    """A table with a partition for each UTC day, named after it: metric_samples_20260320.

    `kept` says for how many times METRIC_RETENTION_DAYS.
    """

    model: type[models.Model]
    kept: int = 1

    @property
    def table(self) -> str:
        return self.model._meta.db_table

    def name(self, day: date) -> str:
        """Return the partition of a day."""
        return f"{self.table}_{day:%Y%m%d}"

    def days(self) -> set[date]:
        """Return the days that have a partition."""
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
                " WHERE i.inhparent = %s::regclass",
                [self.table],
            )
            names = [name for (name,) in cursor.fetchall()]
        return {date.fromisoformat(name.rpartition("_")[2]) for name in names}

    def ensure(self, days: Iterable[date]) -> int:
        """Create the partitions that are missing, whoever else does so too; return how many."""
        return sum(self._create(day) for day in sorted(set(days) - self.days()))

    def _create(self, day: date) -> bool:
        # Attaching leaves readers and writers alone, unlike CREATE TABLE … PARTITION OF.
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [self.table])
            if day in self.days():
                return False
            cursor.execute(f"CREATE TABLE {self.name(day)} (LIKE {self.table} INCLUDING ALL)")
            cursor.execute(
                f"ALTER TABLE {self.table} ATTACH PARTITION {self.name(day)} FOR VALUES FROM (%s) TO (%s)",
                [f"{day} 00:00+00", f"{day + timedelta(days=1)} 00:00+00"],
            )
        return True

    def before(self, day: date) -> list[date]:
        """Return the earlier days that have a partition."""
        return [old for old in sorted(self.days()) if old < day]

    def drop_before(self, day: date) -> int:
        """Drop the partitions of earlier days but those in use, which can wait; return how many."""
        return sum(self.drop(old) for old in self.before(day))

    def drop(self, day: date) -> bool:
        """Drop the partition of a day; False where it is in use."""
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(f"SET LOCAL lock_timeout = '{DROP_LOCK_TIMEOUT}'")
                cursor.execute(f"DROP TABLE IF EXISTS {self.name(day)}")
        except OperationalError as error:
            if not _timed_out(error):
                raise
            logger.warning("%s is in use; it will be dropped later", self.name(day))
            return False
        return True


def _timed_out(error: OperationalError) -> bool:
    lock_not_available = "55P03"
    return getattr(error.__cause__, "pgcode", None) == lock_not_available


SAMPLES = Partitioned(MetricSample)
# Hours are small beside their samples, and worth more time.
HOURS = Partitioned(MetricHour, kept=3)
_tables = {each.table: each for each in (SAMPLES, HOURS)}


def register(table: Partitioned) -> None:
    """Have a table of another app maintained, too."""
    _tables[table.table] = table


def every() -> dict[str, Partitioned]:
    """Return the tables that are maintained, by name."""
    return dict(_tables)


def oldest_day(today: date) -> date:
    """Return the first day whose samples are kept, and accepted."""
    return today - timedelta(days=settings.METRIC_RETENTION_DAYS)


def newest_day(today: date) -> date:
    """Return the last day that samples are accepted for: tomorrow, for clocks that are ahead."""
    return today + timedelta(days=1)


def accepted(today: date) -> tuple[datetime, datetime]:
    """Return the half-open range of time that samples are accepted for."""
    return midnight(oldest_day(today)), midnight(newest_day(today) + timedelta(days=1))


def midnight(day: date) -> datetime:
    """Return when a UTC day begins."""
    return datetime.combine(day, time(), UTC)


def first_kept(table: Partitioned, today: date) -> date:
    """Return the first day whose partition of the table is kept."""
    return today - (today - oldest_day(today)) * table.kept - SPARE


def create_ahead(table: Partitioned, today: date) -> int:
    """Create the table's partitions of today and the coming days; return how many were missing."""
    return table.ensure(today + timedelta(days=ahead) for ahead in range(AHEAD.days + 1))
