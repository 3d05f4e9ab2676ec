"""Hours and days of samples, computed anew where samples were written.

An hour is computed from its samples and a day from its hours, so that a sample which comes again, or comes
with another value, is counted once. Who writes holds the locks of the series (collectors.samples.store), so
that two writers of one hour see each other's samples.
"""

from datetime import datetime

from django.db import connection

from collectors.models import CpuMetric, Instance, MetricDay, MetricHour, MetricSample, MetricSeries
from collectors.samples.histogram import Bytes, Percent, Scale, collected_sql

SCALES: dict[str, Scale] = {
    "cpu": Percent(),
    "memory": Percent(),
    "network_in": Bytes(),
    "network_out": Bytes(),
}
TOUCHED = "touched_hours"
"""The temporary table of what has to be computed anew; it has each series_id and hour once."""

_PARTS = ("count", "sum", "min", "max", "histogram")
_COLUMNS = [f"{metric}_{part}" for metric in SCALES for part in _PARTS]


def refresh(first: datetime, end: datetime) -> None:
    """Bring the touched hours, all of them in the half-open range [first, end), and their days up to date."""
    with connection.cursor() as cursor:
        cursor.execute(f"ANALYZE {TOUCHED}")
        cursor.execute(_hours_sql(), [first, end])
        cursor.execute(
            f"CREATE TEMP TABLE touched_days ON COMMIT DROP AS"
            f" SELECT DISTINCT series_id, (hour AT TIME ZONE 'UTC')::date AS date FROM {TOUCHED}"
        )
        cursor.execute("ANALYZE touched_days")
        cursor.execute(_days_sql(), [first, end])
        cursor.execute(_cpu_metrics_sql())
        cursor.execute("DROP TABLE touched_days")


def _hours_sql() -> str:
    figures = [
        part
        for metric, scale in SCALES.items()
        for part in (
            *(f"{function}(s.{metric})" for function in ("count", "sum", "min", "max")),
            collected_sql(scale, f"s.{metric}"),
        )
    ]
    return f"""
        INSERT INTO {MetricHour._meta.db_table} (series_id, hour, {", ".join(_COLUMNS)})
        SELECT h.series_id, h.hour, {", ".join(figures)}
        FROM {TOUCHED} h JOIN {MetricSample._meta.db_table} s
            ON s.series_id = h.series_id
            AND s.timestamp >= h.hour AND s.timestamp < h.hour + interval '1 hour'
        WHERE s.timestamp >= %s AND s.timestamp < %s
        GROUP BY h.series_id, h.hour
        ON CONFLICT (series_id, hour) DO UPDATE SET {_replaced(_COLUMNS)}"""


def _days_sql() -> str:
    figures = [
        f"{'sum' if part in ('count', 'histogram') else part}(h.{metric}_{part})"
        for metric in SCALES
        for part in _PARTS
    ]
    return f"""
        INSERT INTO {MetricDay._meta.db_table} (series_id, date, hours, {", ".join(_COLUMNS)})
        SELECT d.series_id, d.date, count(*) FILTER (WHERE h.cpu_count > 0), {", ".join(figures)}
        FROM touched_days d JOIN {MetricHour._meta.db_table} h
            ON h.series_id = d.series_id
            AND h.hour >= d.date::timestamp AT TIME ZONE 'UTC'
            AND h.hour < (d.date + 1)::timestamp AT TIME ZONE 'UTC'
        WHERE h.hour >= date_trunc('day', %s, 'UTC')
            AND h.hour < date_trunc('day', %s, 'UTC') + interval '1 day'
        GROUP BY d.series_id, d.date
        ON CONFLICT (date, series_id) DO UPDATE SET {_replaced(["hours", *_COLUMNS])}"""


def _replaced(columns: list[str]) -> str:
    return ", ".join(f"{column} = EXCLUDED.{column}" for column in columns)


def _cpu_metrics_sql() -> str:
    """Return what writes the daily CPU table where the samples cover more hours than what is there.

    The maximum is the highest that either source told: samples are averages of their period and may miss
    the peak within it.
    """
    return f"""
        INSERT INTO {CpuMetric._meta.db_table} AS t
            (ec2_id, instance_id, date, average_cpu, maximum_cpu, samples, coverage, from_samples)
        SELECT i.id, i.instance_id, m.date, m.cpu_sum / m.cpu_count, m.cpu_max,
            m.cpu_count, m.hours / 24.0, true
        FROM touched_days d
        JOIN {MetricDay._meta.db_table} m ON m.series_id = d.series_id AND m.date = d.date
        JOIN {MetricSeries._meta.db_table} s ON s.id = d.series_id
        JOIN {Instance._meta.db_table} i ON i.id = s.instance_id
        WHERE m.cpu_count > 0
        ON CONFLICT (ec2_id, date) DO UPDATE SET
            average_cpu = EXCLUDED.average_cpu,
            maximum_cpu = greatest(t.maximum_cpu, EXCLUDED.maximum_cpu),
            samples = EXCLUDED.samples, coverage = EXCLUDED.coverage, from_samples = true
        WHERE t.from_samples OR EXCLUDED.coverage > t.coverage"""
