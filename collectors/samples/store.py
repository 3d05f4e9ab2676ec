"""Writing samples: what is new is added, what was restated replaces what was there, in one transaction."""

import logging
from datetime import date, datetime, timedelta
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
    first, end = partitions.accepted(timezone.now().date())
    kept = samples.between(first, end)
    counts = no_rows()
    if refused := len(samples) - len(kept):
        counts["refused"] = refused
        logger.warning("%d samples refused: their time is not between %s and %s", refused, first, end)
    if kept:
        counts.update(_merge(kept))
    return counts


def _merge(samples: "Batch") -> Counts:
    days, series = samples.days(), samples.series_ids()
    partitions.SAMPLES.ensure(days)
    partitions.HOURS.ensure(days)
    _lock(series)
    known, new = samples.split(_newest(series, samples))
    bulk.copy(MetricSample._meta.db_table, COLUMNS, new.written())
    counts = Counts(created=len(new), updated=0, unchanged=0)
    if known:
        counts.update(_upsert(known))
    if counts["created"] or counts["updated"]:
        rollups.refresh(series, samples.hours())
    return counts


def _lock(series: list[int]) -> None:
    """Keep others from writing these series, or hours would be computed without each other's samples."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT id FROM {MetricSeries._meta.db_table} WHERE id = ANY(%s::int[])"
            " ORDER BY id FOR NO KEY UPDATE",
            [bulk.array(series)],
        )
        found = {key for (key,) in cursor.fetchall()}
    if missing := set(series) - found:
        raise InvalidInputError(f"{len(missing)} metric series do not exist, such as {min(missing)}.")


def _newest(series: list[int], samples: "Batch") -> datetime | None:
    """Return the last moment within the samples' time that any of the series has; what is later is new."""
    first, last = samples.span()
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT max(stored.newest) FROM unnest(%s::int[]) AS w (series_id) CROSS JOIN LATERAL (
                SELECT max(timestamp) AS newest FROM {MetricSample._meta.db_table} s
                WHERE s.series_id = w.series_id AND s.timestamp >= %s AND s.timestamp <= %s
            ) stored""",
            [bulk.array(series), first, last],
        )
        newest: datetime | None = cursor.fetchone()[0]
    return newest


def _upsert(samples: "Batch") -> Counts:
    """Merge samples of which some are stored."""
    counts = Counts(unchanged=len(samples))
    with bulk.copied(MetricSample, COLUMNS, samples.written(), key=_KEY, rows=len(samples)) as stage:
        for day in samples.days():
            created, updated = _upsert_day(stage, day)
            counts.update(created=created, updated=updated, unchanged=-created - updated)
    return counts


def _upsert_day(stage: bulk.Stage, day: date) -> tuple[int, int]:
    """Merge a day of the stage into its partition; return how many were created, and updated."""
    # Only the partition itself, not the table above it, can tell inserted rows from updated ones.
    columns = ", ".join(COLUMNS)
    stored = ", ".join(f"t.{metric}" for metric in _METRICS)
    merged = ", ".join(f"coalesce(EXCLUDED.{metric}, t.{metric})" for metric in _METRICS)
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            WITH written AS (
                INSERT INTO {partitions.SAMPLES.name(day)} AS t ({columns})
                SELECT {columns} FROM {stage.table} WHERE timestamp >= %s AND timestamp < %s
                ON CONFLICT (series_id, timestamp) DO UPDATE SET ({", ".join(_METRICS)}) = ROW({merged})
                WHERE ({stored}) IS DISTINCT FROM ({merged})
                RETURNING t.xmax = 0 AS created
            )
            SELECT count(*) FILTER (WHERE created), count(*) FILTER (WHERE NOT created) FROM written""",
            [partitions.midnight(day), partitions.midnight(day + _DAY)],
        )
        created, updated = cursor.fetchone()
    return created, updated
