"""What is due every few seconds: its slots are taken by whoever comes first, and leave no rows behind."""

from datetime import datetime, timedelta

from django.db import connection

from pipelines import workers
from pipelines.models import Tick
from pipelines.slots import Every

# Beat fires a little earlier or later than the time before. Where it passes the beginning of a slot that way,
# two firings would meet the same slot, and the one between would be nobody's.
EARLY = timedelta(seconds=2)


def now() -> datetime:
    """Return what PostgreSQL's clock shows, which is the same for all: those of the machines may differ."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        (moment,) = cursor.fetchone()
    read: datetime = moment
    return read


def horizon(period: timedelta, now: datetime) -> datetime:
    """Return the latest that a slot can be which somebody took; what lies beyond comes of a wrong clock."""
    return now + period + EARLY


def claim(name: str, period: timedelta, now: datetime) -> datetime | None:
    """Take the slot that is running, or the next one shortly before it begins; None when both are taken."""
    slots = Every(period)
    # The same slot twice is refused the second time.
    candidates = (slots.latest(now), slots.latest(now + EARLY))
    return next((slot for slot in candidates if take(name, slot, period, now)), None)


def take(name: str, slot: datetime, period: timedelta, now: datetime) -> bool:
    """Take a slot; False where it was taken before, or a later one was. PostgreSQL decides a race.

    A slot beyond the horizon gives way, so that one wrong clock does not stop the rhythm for as long.
    """
    table = Tick._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} AS t (name, slot, claimed_at, worker) VALUES (%s, %s, %s, %s)"
            " ON CONFLICT (name) DO UPDATE SET (slot, claimed_at, worker)"
            " = (EXCLUDED.slot, EXCLUDED.claimed_at, EXCLUDED.worker)"
            " WHERE t.slot < EXCLUDED.slot OR t.slot > %s",
            [name, slot, now, workers.name(), horizon(period, now)],
        )
        return bool(cursor.rowcount)


def running_since(name: str, pause: timedelta, now: datetime) -> datetime:
    """Note that something runs now; return since when it has, never for longer than `pause` unnoted."""
    table = Tick._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} AS t (name, slot, claimed_at, worker) VALUES (%s, %s, %s, %s)"
            " ON CONFLICT (name) DO UPDATE SET (slot, claimed_at, worker) = (CASE"
            " WHEN t.claimed_at BETWEEN %s AND %s THEN t.slot ELSE EXCLUDED.slot END,"
            " EXCLUDED.claimed_at, EXCLUDED.worker) RETURNING slot",
            [name, now, now, workers.name(), now - pause, now + pause],
        )
        (since,) = cursor.fetchone()
    began: datetime = since
    return began
