"""Metric samples: the rate they are stored at, and what their daily sums save the reader.

The reference of the rate copies ready-made text into a temporary table and merges it with one plain upsert;
it neither renders rows, nor counts what changed, nor locks series, nor keeps hours and days. N is the number
of samples that are read from, over 30 days (default 1,000,000).
"""

import io
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from statistics import median, quantiles
from typing import Any, Self

import numpy as np
from django.contrib.auth.models import Group
from django.db import connection, transaction
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User
from cloudintel_project import heap
from collectors.models import CloudAccount, Instance, MetricSample, MetricSeries
from collectors.samples import rollups
from collectors.samples.batch import Batch
from collectors.samples.partitions import HOURS, SAMPLES
from collectors.samples.store import COLUMNS, store

DAYS, POINTS_A_DAY, POINTS_AN_HOUR = 30, 288, 12
BATCH, BATCHES, ROUNDS = 1000, 10, 7
FIVE_MINUTES = timedelta(minutes=5)
NAMES = ", ".join(COLUMNS)


# --- The estate ------------------------------------------------------------------------------
def _series(number: int) -> list[int]:
    """Create instances with a series each; return the series."""
    account, _ = CloudAccount.objects.get_or_create(account_id="999999999999")
    now, start = timezone.now(), Instance.objects.count()
    instances = Instance.objects.bulk_create(
        [
            Instance(
                account=account,
                region="eu-west-1",
                instance_id=f"i-{start + index:017x}",
                instance_type="m5.large",
                state="running",
                first_seen=now,
                last_seen=now,
            )
            for index in range(number)
        ],
        batch_size=BATCH,
    )
    created = MetricSeries.objects.bulk_create(
        [MetricSeries(instance=instance) for instance in instances], batch_size=BATCH
    )
    return [series.pk for series in created]


def _midnight() -> datetime:
    return datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


# --- Storing ---------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class _Hour:
    """An hour of some series' samples, as they come from CloudWatch: a row a series, a column a moment."""

    series: list[int]
    moments: list[datetime]
    grids: list[Any]

    @classmethod
    def of(cls, series: list[int], hour: datetime) -> Self:
        chance = np.random.default_rng(int(hour.timestamp()))
        shape = len(series), POINTS_AN_HOUR
        cpu, unknown = chance.uniform(0, 100, shape), np.full(shape, np.nan)
        network = [chance.integers(10**9, size=shape).astype(np.float64) for _ in range(2)]
        moments = [hour + number * FIVE_MINUTES for number in range(POINTS_AN_HOUR)]
        return cls(series, moments, [cpu, unknown, *network])

    def text(self) -> str:
        """Write the samples for COPY."""
        cpu, _, network_in, network_out = (grid.tolist() for grid in self.grids)
        return "".join(
            f"{series}\t{moment}\t{cpu[row][column]}\t\\N\t{network_in[row][column]}\t{network_out[row][column]}\n"
            for row, series in enumerate(self.series)
            for column, moment in enumerate(self.moments)
        )


def _bare(texts: list[str]) -> None:
    table = MetricSample._meta.db_table
    replaced = ", ".join(f"{metric} = EXCLUDED.{metric}" for metric in rollups.SCALES)
    for text in texts:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                f"CREATE TEMP TABLE bare ON COMMIT DROP AS SELECT {NAMES} FROM {table} WHERE false"
            )
            cursor.copy_expert(f"COPY bare ({NAMES}) FROM STDIN", io.StringIO(text))
            cursor.execute(
                f"INSERT INTO {table} ({NAMES}) SELECT {NAMES} FROM bare"
                f" ON CONFLICT (series_id, timestamp) DO UPDATE SET {replaced}"
            )


class _Stopwatch:
    """Adds up the time that the rollups take, so that the storing can be told from it."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._refresh = rollups.refresh

    def __call__(self, series: Sequence[int], hours: Sequence[datetime]) -> None:
        self.seconds += _seconds(lambda: self._refresh(series, hours))


def _ours(hours: list[_Hour]) -> None:
    for hour in hours:
        with transaction.atomic():
            store(Batch.of_grids(hour.series, hour.moments, hour.grids))


def _storing() -> dict[str, float]:
    series = _series(BATCH * BATCHES)
    start = _midnight() - timedelta(days=1)
    parts = [series[first : first + BATCH] for first in range(0, len(series), BATCH)]
    SAMPLES.ensure([start.date()])
    rows = len(series) * POINTS_AN_HOUR
    bare, stored, whole = [], [], []
    heap.settle()
    for number in range(ROUNDS):
        texts = [_Hour.of(part, start + timedelta(hours=2 * number)).text() for part in parts]
        hours = [_Hour.of(part, start + timedelta(hours=2 * number + 1)) for part in parts]
        watch = _Stopwatch()
        bare.append(_seconds(lambda texts=texts: _bare(texts)))  # type: ignore[misc]  # mypy: a lambda's default
        rollups.refresh, before = watch, rollups.refresh
        whole.append(_seconds(lambda hours=hours: _ours(hours)))  # type: ignore[misc]  # as above
        rollups.refresh = before
        stored.append(whole[-1] - watch.seconds)
    return {
        "samples_stored_rows_per_s": round(rows / median(stored)),
        "samples_stored_ratio": round(median(b / s for b, s in zip(bare, stored, strict=True)), 2),
        "samples_with_rollups_rows_per_s": round(rows / median(whole)),
    }


# --- Reading ---------------------------------------------------------------------------------
def _fill(series: list[int], day: datetime) -> float:
    """Write a day of samples by one statement and roll it up; return the seconds of the latter."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {SAMPLES.name(day.date())} ({NAMES})"
            " SELECT s, t, random() * 100, NULL, random() * 1e9, random() * 1e9 FROM unnest(%s) s,"
            " generate_series(%s, %s, interval '5 minutes') t",
            [series, day, day + (POINTS_A_DAY - 1) * FIVE_MINUTES],
        )
        hours = [day + timedelta(hours=hour) for hour in range(24)]
        return _seconds(lambda: rollups.refresh(series, hours))


def _raw_average(start: datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT date_bin('1 day', m.timestamp, '2000-01-01 00:00+00'), sum(m.cpu) / count(m.cpu)"
            " FROM metric_samples m JOIN metric_series s ON s.id = m.series_id"
            " WHERE s.instance_id IS NOT NULL AND m.timestamp >= %s GROUP BY 1",
            [start],
        )
        cursor.fetchall()


def _viewer() -> APIClient:
    person = User.objects.create_user(email="bench@example.com")
    person.groups.add(Group.objects.get(name="viewer"))
    client = APIClient(SERVER_NAME="127.0.0.1")
    client.force_authenticate(person)
    return client


def _reading(samples: int) -> dict[str, float]:
    MetricSeries.objects.all().delete()
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE metric_samples, metric_hours")
    series = _series(max(1, samples // (DAYS * POINTS_A_DAY)))
    start = _midnight() - timedelta(days=DAYS)
    days = [start + timedelta(days=number) for number in range(DAYS)]
    for table in (SAMPLES, HOURS):
        table.ensure(day.date() for day in days)
    rolled = sum(_fill(series, day) for day in days)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE metric_samples, metric_hours, metric_days, metric_series")
    client = _viewer()
    query = {"start": str(start.date()), "end": str(_midnight().date())}

    def fleet() -> None:
        answer = client.get("/api/v1/fleet-cpu/", query)
        if answer.status_code != 200 or len(answer.json()["data"]) != DAYS:
            raise SystemExit(f"The fleet's days were not answered: {answer.content!r}")

    fleet()
    raw = median(_seconds(lambda: _raw_average(start)) for _ in range(5))
    answers = [_seconds(fleet) for _ in range(100)]
    return {
        "samples": len(series) * DAYS * POINTS_A_DAY,
        "rollup_hours_per_s": round(len(series) * DAYS * 24 / rolled),
        "fleet_raw_ms": round(raw * 1000, 1),
        "fleet_api_median_ms": round(median(answers) * 1000, 1),
        "fleet_api_p95_ms": round(quantiles(answers, n=20)[-1] * 1000, 1),
        "fleet_rollup_ratio": round(raw / median(answers), 1),
    }


def measure() -> dict[str, float]:
    """Return rows a second and the ratio to the reference, and how much faster the rollups answer."""
    return {**_storing(), **_reading(int(os.environ.get("N", "1000000")))}
