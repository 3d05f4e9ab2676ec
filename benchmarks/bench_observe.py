"""Observing: what a look a minute costs, client and server together, beside PARTITIONS (300) of a table.

Each observation connects anew, as in a worker. `core_percent` is the CPU time of an observation as a share
of a minute of one core: that of this process, of the look's own backend and of the backend that stores it.
`transaction_ms` are those of the looks. The statements have a week and a day of hours behind them.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from statistics import median
from unittest import mock

import psutil
from django.db import connection
from django.utils import timezone

from dbops.catalogue.glance import Glance
from dbops.models import Observation, Statement, StatementHour
from dbops.pool.base import Pool, PoolError
from dbops.readings import PoolReading, Reading
from dbops.services import observing, recording

ROUNDS, WARM = 30, 3
ROWS_A_PARTITION = 10_000
HOURS, STATEMENTS = 8 * 24, 200
_MINUTE_S = 60


class _FixedPool(Pool):
    """A pool that costs nothing to look at."""

    backend = "observe-only"

    def read(self) -> PoolReading:
        return PoolReading(self.backend, 20, 5, 15, 0, None, 0.25)

    def why_fixed(self) -> str:
        return "It is not there."

    def resize(self, size: int) -> None:
        raise PoolError(self.why_fixed())


def measure() -> dict[str, float]:
    """Return the CPU time and the longest transaction of observations, few tables first, then partitions."""
    partitions = int(os.environ.get("PARTITIONS", "300"))
    _remember_hours(timezone.now())
    few = _observe()
    _partition(partitions)
    many = _observe()
    return {
        **{f"few_{name}": value for name, value in few.items()},
        **{f"partitions{partitions}_{name}": value for name, value in many.items()},
    }


def _remember_hours(now: datetime) -> None:
    """Give as many statements a past as an application has; they are compared with it each time."""
    moment = {"first_seen": now, "last_seen": now, "calls": 0, "total_ms": 0}
    rows = [Statement(query_id=number, text=f"SELECT {number}", **moment) for number in range(STATEMENTS)]
    Statement.objects.bulk_create(rows)
    hour = now.replace(minute=0, second=0, microsecond=0)
    past = (
        StatementHour(
            hour=hour - timedelta(hours=back), statement=row, calls=100, total_ms=100.0, slow_calls=0
        )
        for back in range(1, HOURS + 1)
        for row in rows
    )
    StatementHour.objects.bulk_create(past, batch_size=5000)


def _partition(number: int) -> None:
    """Make a table of so many partitions, each of more than a megabyte, so that its bloat is estimated."""
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE bench (k int, at timestamptz, v float8, note text) PARTITION BY RANGE (k)"
        )
        for part in range(number):
            bounds = f"FROM ({part}) TO ({part + 1})"
            cursor.execute(f"CREATE TABLE bench_{part} PARTITION OF bench FOR VALUES {bounds}")
        cursor.execute("CREATE INDEX ON bench (at)")
        cursor.execute("CREATE INDEX ON bench (v)")
        cursor.execute(
            "INSERT INTO bench SELECT p, now(), i, repeat('x', i %% 100)"
            " FROM generate_series(0, %s) AS p, generate_series(1, %s) AS i",
            [number - 1, ROWS_A_PARTITION],
        )
        cursor.execute("ANALYZE bench")


# --- Measuring -------------------------------------------------------------------------------
def _observe() -> dict[str, float]:
    """Observe minute by minute, as fast as it goes, and sum up."""
    start, cpu_s, took_ms = timezone.now(), [], []
    for minute in range(ROUNDS + WARM):
        used_s, reading = _cpu_s(start + timedelta(minutes=minute))
        if minute >= WARM:
            cpu_s.append(used_s)
            took_ms.append(reading.took_ms)
    return {
        "cpu_ms": round(median(cpu_s) * 1000, 1),
        "core_percent": round(sum(cpu_s) / len(cpu_s) / _MINUTE_S * 100, 3),
        "transaction_median_ms": round(median(took_ms), 1),
        "transaction_most_ms": round(max(took_ms), 1),
        "sizes_left_out": sum(ms >= _GIVEN_UP_MS for ms in took_ms),
    }


_GIVEN_UP_MS = 239


def _cpu_s(now: datetime) -> tuple[float, Reading]:
    """Observe, and return the CPU seconds of this process and of both of its backends."""
    connection.close()
    connection.ensure_connection()
    storing = psutil.Process(connection.connection.info.backend_pid)
    with _watched() as looks:
        before = time.process_time() + _used_s(storing)
        reading = observing.observe(now, pool=_FixedPool())
        used = time.process_time() + _used_s(storing) - before
    if not Observation.objects.filter(at=recording.minute_of(now)).exists():
        raise SystemExit("An observation was not stored.")
    return used + looks[-1], reading


@contextmanager
def _watched() -> Iterator[list[float]]:
    """Note the CPU seconds of the look's backend when its last question is answered: then it ends."""
    used: list[float] = [0.0]
    ask = Glance.rows

    def rows(self: Glance, *args: object) -> list[object]:
        answer = ask(self, *args)  # type: ignore[arg-type]  # whatever it was asked
        used.append(_used_s(psutil.Process(self._session.info.backend_pid)))
        return answer

    with mock.patch.object(Glance, "rows", rows):
        yield used


def _used_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system
