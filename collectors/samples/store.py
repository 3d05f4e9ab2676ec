"""Writing samples: what is new is added, what was restated replaces what was there, in one transaction."""

import logging
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING

from django.db import connection
from django.utils import timezone

from collectors import bulk
from collectors.models import MetricSample, MetricSeries
from collectors.samples import partitions, rollups
from core.errors import InvalidInputError
from pipelines.registry import Counts, no_rows

if TYPE_CHECKING:
    from collectors.samples.batch import Batch

logger = logging.getLogger(__name__)

_KEY = ("series_id", "timestamp")
_METRICS = tuple(rollups.SCALES)
COLUMNS = (*_KEY, *_METRICS)
_DAY = timedelta(days=1)


def store(samples: "Batch") -> Counts:
    """Merge the samples and bring hours and days up to date; for use inside a transaction.

    Unknown never replaces known. What is older than the retention, or lies in the future, is not stored but
    counted as `refused`, and logged.

    Raises: InvalidInputError for a series that does not exist.
    """
    today = timezone.now().date()
    first = _midnight(partitions.oldest_day(today))
    end = _midnight(partitions.newest_day(today) + _DAY)
    kept = samples.between(first, end)
    counts = no_rows()
    if refused := len(samples) - len(kept):
        counts["refused"] = refused
        logger.warning("%d samples refused: their time is not between %s and %s", refused, first, end)
    if kept:
        counts.update(_merge(kept))
    return counts


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _merge(samples: "Batch") -> Counts:
    from collectors.samples.binary import written  # noqa: PLC0415  # numpy, which most processes never need

    days = samples.days()
    partitions.SAMPLES.ensure(days)
    partitions.HOURS.ensure(days)
    _lock(samples.series_ids())
    with bulk.copied(MetricSample, COLUMNS, written(samples), key=_KEY) as stage:
        counts = _upsert(stage, days)
        if counts["created"] or counts["updated"]:
            rollups.refresh(*_hours_around(*samples.span()))
        stage.execute(f"DROP TABLE {rollups.TOUCHED}")
    return counts


def _lock(wanted: Sequence[int]) -> None:
    """Keep others from writing these series, or hours would be computed without each other's samples."""
    found = MetricSeries.objects.filter(pk__in=wanted).order_by("pk").select_for_update(no_key=True)
    if missing := set(wanted) - set(found.values_list("pk", flat=True)):
        raise InvalidInputError(f"{len(missing)} metric series do not exist, such as {min(missing)}.")


def _hours_around(first: datetime, last: datetime) -> tuple[datetime, datetime]:
    return _hour(first), _hour(last) + timedelta(hours=1)


def _hour(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)


def _upsert(stage: bulk.Stage, days: Iterable[date]) -> Counts:
    """Merge the stage into the days' partitions; count, and leave the hours that changed in a table."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"CREATE TEMP TABLE {rollups.TOUCHED}"
            " (series_id integer, hour timestamptz, created integer, updated integer) ON COMMIT DROP"
        )
        for day in sorted(days):
            cursor.execute(_upsert_sql(stage, day), [_midnight(day), _midnight(day + _DAY)])
        cursor.execute(
            "SELECT coalesce(sum(created), 0), coalesce(sum(updated), 0),"
            f" (SELECT count(*) FROM {stage.table}) FROM {rollups.TOUCHED}"
        )
        created, updated, given = cursor.fetchone()
    return Counts(created=created, updated=updated, unchanged=given - created - updated)


def _upsert_sql(stage: bulk.Stage, day: date) -> str:
    # Only the partition itself, not the table above it, can tell inserted rows from updated ones.
    columns = ", ".join(COLUMNS)
    stored = ", ".join(f"t.{metric}" for metric in _METRICS)
    merged = ", ".join(f"coalesce(EXCLUDED.{metric}, t.{metric})" for metric in _METRICS)
    return f"""
        WITH written AS (
            INSERT INTO {partitions.SAMPLES.name(day)} AS t ({columns})
            SELECT {columns} FROM {stage.table} WHERE timestamp >= %s AND timestamp < %s
            ON CONFLICT (series_id, timestamp) DO UPDATE SET ({", ".join(_METRICS)}) = ROW({merged})
            WHERE ({stored}) IS DISTINCT FROM ({merged})
            RETURNING t.series_id, date_bin('1 hour', t.timestamp, '2000-01-01 00:00+00') AS hour,
                      t.xmax = 0 AS created
        )
        INSERT INTO {rollups.TOUCHED}
        SELECT series_id, hour, count(*) FILTER (WHERE created), count(*) FILTER (WHERE NOT created)
        FROM written GROUP BY series_id, hour"""
