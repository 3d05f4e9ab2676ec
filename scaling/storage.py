"""Samples of managed instances in and out of PostgreSQL, by columns in COPY's binary format."""

import logging
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
from django.db import connection
from django.utils import timezone

from collectors import bulk
from collectors.samples import binary, partitions
from collectors.samples.partitions import Partitioned
from core.epoch import microseconds, moment
from pipelines.registry import Counts, no_rows
from scaling.columns import METRICS, Samples
from scaling.models import ManagedInstance, ManagedSample, Source

logger = logging.getLogger(__name__)

TABLE = Partitioned(ManagedSample)

_KEY = ("instance_id", "timestamp")
_COLUMNS = (*_KEY, "source", "outlier", *METRICS)
_KINDS = (np.int32, np.int64, np.int16, np.int16, *[np.float64] * len(METRICS))
_DAY = timedelta(days=1)
_DAY_US = _DAY // timedelta(microseconds=1)


# --- In --------------------------------------------------------------------------------------
def store(samples: Samples) -> Counts:
    """Merge the samples: of a moment the later one counts, but unknown never replaces known.

    For use inside a transaction. A simulated sample is replaced by another simulated one alone. What is older
    than the retention, or lies in the future, is not stored but counted as `refused`, and logged; samples of
    instances that were deleted meanwhile are left out.
    """
    first, end = partitions.accepted(timezone.now().date())
    in_time = (samples.time >= microseconds(first)) & (samples.time < microseconds(end))
    kept = samples if in_time.all() else samples.where(in_time)
    counts = no_rows()
    if refused := len(samples) - len(kept):
        counts["refused"] = refused
        logger.warning("%d samples refused: their time is not between %s and %s", refused, first, end)
    if len(kept):
        counts.update(_merge(kept))
    return counts


def _merge(samples: Samples) -> Counts:
    days = [moment(day * _DAY_US).date() for day in np.unique(samples.time // _DAY_US)]
    TABLE.ensure(days)
    known: list[binary.Numbers] = [samples.instance, samples.time, samples.source, samples.outlier]
    content = binary.written(known, samples.values)
    counts = Counts(unchanged=len(samples))
    with bulk.copied(ManagedSample, _COLUMNS, content, key=_KEY, rows=len(samples)) as stage:
        for day in days:
            created, updated = _upsert(stage, day)
            counts.update(created=created, updated=updated, unchanged=-created - updated)
    return counts


def _upsert(stage: bulk.Stage, day: date) -> tuple[int, int]:
    """Merge a day of the stage into its partition; return how many were created, and updated."""
    # In the order of the key, so that two writers cannot wait for each other.
    with connection.cursor() as cursor:
        cursor.execute(
            _upserting(stage.table, TABLE.name(day)),
            [partitions.midnight(day), partitions.midnight(day + _DAY), Source.SIMULATED, Source.SIMULATED],
        )
        created, updated = cursor.fetchone()
    return created, updated


def _upserting(stage: str, partition: str) -> str:
    # Only the partition itself, not the table above it, can tell inserted rows from updated ones.
    columns = ", ".join(_COLUMNS)
    written = ("source", "outlier", *METRICS)
    stored = ", ".join(f"t.{column}" for column in written)
    merged = ", ".join(
        ["EXCLUDED.source", "EXCLUDED.outlier", *(f"coalesce(EXCLUDED.{each}, t.{each})" for each in METRICS)]
    )
    return f"""
        WITH written AS (
            INSERT INTO {partition} AS t ({columns})
            SELECT {columns} FROM {stage} s WHERE timestamp >= %s AND timestamp < %s
            AND EXISTS (SELECT FROM {ManagedInstance._meta.db_table} i WHERE i.id = s.instance_id)
            ORDER BY {", ".join(_KEY)}
            ON CONFLICT ({", ".join(_KEY)}) DO UPDATE SET ({", ".join(written)}) = ROW({merged})
            WHERE ({stored}) IS DISTINCT FROM ({merged}) AND (t.source <> %s OR EXCLUDED.source = %s)
            RETURNING t.xmax = 0 AS created
        )
        SELECT count(*) FILTER (WHERE created), count(*) FILTER (WHERE NOT created) FROM written"""


def forget(instance: ManagedInstance, **_signal: Any) -> None:
    """Delete the samples of an instance that was deleted: no constraint leads to them."""
    ManagedSample.objects.filter(instance_id=instance.pk).delete()


# --- Out -------------------------------------------------------------------------------------
def read(instances: npt.NDArray[np.int32], since_us: npt.NDArray[np.int64] | int) -> Samples:
    """Return the samples of these instances, given ascending, from a moment on: one for all, or one each."""
    if not len(instances):
        return Samples.none()
    since = np.broadcast_to(np.asarray(since_us, np.int64), instances.shape)
    parameters = [
        bulk.array(instances.tolist()),
        bulk.array(since.tolist()),
        moment(int(since.min())),
    ]
    instance, time, source, outlier, *values = bulk.columns(_SELECTED, parameters, _KINDS)
    return Samples(instance, time, source, outlier, np.stack(values))


def minutes(
    instances: Iterable[int], first: datetime, end: datetime, *, simulated: Iterable[int] = ()
) -> list[npt.NDArray[Any]]:
    """Return the average CPU of each minute of which it is known: instance, minute since 1970, percent.

    What was simulated counts for those instances alone that are among `simulated`.
    """
    parameters = [bulk.array(instances), first, end, Source.SIMULATED, bulk.array(simulated)]
    return bulk.columns(_BY_MINUTE, parameters, [np.int32, np.int64, np.float64])


_BY_MINUTE = f"""
    SELECT wanted.id, found.minute, found.cpu FROM unnest(%s::int[]) AS wanted (id) CROSS JOIN LATERAL (
        SELECT floor(extract(epoch FROM s.timestamp) / 60)::bigint AS minute, avg(s.cpu) AS cpu
        FROM {TABLE.table} s
        WHERE s.instance_id = wanted.id AND s.timestamp >= %s AND s.timestamp < %s AND s.cpu IS NOT NULL
        AND (s.source <> %s OR wanted.id = ANY(%s::int[]))
        GROUP BY 1
    ) found"""


def first_minute(instances: Iterable[int], since: datetime) -> int | None:
    """Return the first minute, counted from 1970, of which any of these has a sample; None without any."""
    with connection.cursor() as cursor:
        cursor.execute(_EARLIEST, [bulk.array(instances), since])
        earliest: datetime | None = cursor.fetchone()[0]
    return None if earliest is None else int(earliest.timestamp()) // 60


_EARLIEST = f"""
    SELECT min(found.timestamp) FROM unnest(%s::int[]) AS wanted (id) CROSS JOIN LATERAL (
        SELECT s.timestamp FROM {TABLE.table} s WHERE s.instance_id = wanted.id AND s.timestamp >= %s
        ORDER BY s.timestamp LIMIT 1
    ) found"""


# By key whatever the planner knows of the table: its statistics are always older than the newest samples. The
# moment that is the same for all keeps the partitions of other days out.
_SELECTED = f"""
    SELECT {", ".join([*_COLUMNS[:4], *(f"coalesce({metric}, 'NaN')" for metric in METRICS)])}
    FROM unnest(%s::int[], %s::bigint[]) AS wanted (id, since_us) CROSS JOIN LATERAL (
        SELECT * FROM {TABLE.table} s WHERE s.instance_id = wanted.id AND s.timestamp >= %s
        AND s.timestamp >= '2000-01-01 00:00+00'::timestamptz + wanted.since_us * interval '1 microsecond'
        ORDER BY s.timestamp OFFSET 0
    ) found"""
