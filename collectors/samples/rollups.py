"""Hours and days of samples, computed anew where samples were written.

An hour is computed from its samples and a day from its hours, so that a sample which comes again, or comes
with another value, is counted once. Who writes holds the locks of the series (collectors.samples.store), so
that two writers of one hour see each other's samples.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import connection

from collectors import bulk
from collectors.models import CpuMetric, Instance, MetricDay, MetricHour, MetricSample, MetricSeries
from collectors.samples.histogram import Bytes, Percent, Scale, collected_sql

SCALES: dict[str, Scale] = {
    "cpu": Percent(),
    "memory": Percent(),
    "network_in": Bytes(),
    "network_out": Bytes(),
}
_PARTS = ("count", "sum", "min", "max", "histogram")
_COLUMNS = [f"{metric}_{part}" for metric in SCALES for part in _PARTS]


def refresh(series: Sequence[int], hours: Sequence[datetime]) -> None:
    """Bring these hours of these series, and their days, up to date; the hours ascend."""
    days = sorted({hour.date() for hour in hours})
    wanted: dict[str, Any] = {
        "series": bulk.array(series),
        "hours": list(hours),
        "first_hour": hours[0],
        "last_hour": hours[-1],
        "days": days,
        "first_day": days[0],
        "last_day": days[-1],
    }
    with connection.cursor() as cursor:
        cursor.execute(_hours_sql(), wanted)
        cursor.execute(_days_sql(), wanted)


def _hours_sql() -> str:
    # Joined in another way than row by row, PostgreSQL may read the whole day of all series; the bounds,
    # being constants, tell it beforehand which partitions it needs.
    figures = [
        f"{part} AS {metric}_{name}"
        for metric, scale in SCALES.items()
        for name, part in (
            *((function, f"{function}(s.{metric})") for function in ("count", "sum", "min", "max")),
            ("histogram", collected_sql(scale, f"s.{metric}")),
        )
    ]
    return f"""
        INSERT INTO {MetricHour._meta.db_table} (series_id, hour, {", ".join(_COLUMNS)})
        SELECT w.series_id, h.hour, figures.*
        FROM unnest(%(series)s::int[]) AS w (series_id) CROSS JOIN unnest(%(hours)s) AS h (hour)
        CROSS JOIN LATERAL (
            SELECT {", ".join(figures)} FROM {MetricSample._meta.db_table} s
            WHERE s.series_id = w.series_id
                AND s.timestamp >= h.hour AND s.timestamp < h.hour + interval '1 hour'
                AND s.timestamp >= %(first_hour)s AND s.timestamp < %(last_hour)s + interval '1 hour'
            HAVING count(*) > 0
        ) figures
        ON CONFLICT (series_id, hour) DO UPDATE SET {_replaced(_COLUMNS)}"""


def _days_sql() -> str:
    """Return what adds the hours of days up, and writes the daily CPU table from that.

    The latter where the samples cover more hours than what is there. Its maximum is the highest that either
    source told: samples are averages of their period and may miss the peak within it.
    """
    figures = [
        f"{'sum' if part in ('count', 'histogram') else part}(h.{metric}_{part}) AS {metric}_{part}"
        for metric in SCALES
        for part in _PARTS
    ]
    return f"""
        WITH days AS (
            INSERT INTO {MetricDay._meta.db_table} (series_id, date, hours, {", ".join(_COLUMNS)})
            SELECT w.series_id, d.date, figures.*
            FROM unnest(%(series)s::int[]) AS w (series_id) CROSS JOIN unnest(%(days)s) AS d (date)
            CROSS JOIN LATERAL (
                SELECT count(*) FILTER (WHERE h.cpu_count > 0) AS hours, {", ".join(figures)}
                FROM {MetricHour._meta.db_table} h
                WHERE h.series_id = w.series_id
                    AND h.hour >= {_midnight("d.date")} AND h.hour < {_midnight("d.date + 1")}
                    AND h.hour >= {_midnight("%(first_day)s")} AND h.hour < {_midnight("%(last_day)s + 1")}
                HAVING count(*) > 0
            ) figures
            ON CONFLICT (date, series_id) DO UPDATE SET {_replaced(["hours", *_COLUMNS])}
            RETURNING series_id, date, hours, cpu_count, cpu_sum, cpu_max
        )
        INSERT INTO {CpuMetric._meta.db_table} AS t
            (ec2_id, instance_id, date, average_cpu, maximum_cpu, samples, coverage, from_samples)
        SELECT i.id, i.instance_id, m.date, m.cpu_sum / m.cpu_count, m.cpu_max,
            m.cpu_count, m.hours / 24.0, true
        FROM days m
        CROSS JOIN LATERAL (
            SELECT i.id, i.instance_id
            FROM {MetricSeries._meta.db_table} s JOIN {Instance._meta.db_table} i ON i.id = s.instance_id
            WHERE s.id = m.series_id LIMIT 1
        ) i
        WHERE m.cpu_count > 0
        ON CONFLICT (ec2_id, date) DO UPDATE SET
            average_cpu = EXCLUDED.average_cpu,
            maximum_cpu = greatest(t.maximum_cpu, EXCLUDED.maximum_cpu),
            samples = EXCLUDED.samples, coverage = EXCLUDED.coverage, from_samples = true
        WHERE t.from_samples OR EXCLUDED.coverage > t.coverage"""


def _midnight(date: str) -> str:
    return f"({date})::timestamp AT TIME ZONE 'UTC'"


def _replaced(columns: list[str]) -> str:
    return ", ".join(f"{column} = EXCLUDED.{column}" for column in columns)
