"""Partitions are there before they are needed, are created once, and go when their time is over."""

import threading
from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone

from collectors.models import MetricSeries
from collectors.samples import partitions
from collectors.samples.batch import Batch, Sample
from collectors.samples.partitions import HOURS, SAMPLES
from collectors.samples.store import store
from pipelines import retention
from tests import builders

pytestmark = pytest.mark.django_db(transaction=True)
TODAY = date(2026, 3, 20)


@pytest.fixture(autouse=True)
def _nothing_there(settings):
    settings.METRIC_RETENTION_DAYS = 30
    for table in (SAMPLES, HOURS):
        table.drop_before(date(9999, 1, 1))


def days(*ago):
    return {TODAY - timedelta(days=number) for number in ago}


def test_creates_today_and_three_days_ahead():
    assert partitions.create_ahead(SAMPLES, TODAY) == 4
    assert SAMPLES.days() == days(0, -1, -2, -3)


def test_does_nothing_the_second_time():
    partitions.create_ahead(SAMPLES, TODAY)
    assert partitions.create_ahead(SAMPLES, TODAY) == 0


def test_two_at_once_create_each_partition_once():
    created = []

    def create():
        created.append(SAMPLES.ensure(days(0, 1, 2)))
        connection.close()

    threads = [threading.Thread(target=create) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(created) == 3
    assert SAMPLES.days() == days(0, 1, 2)


def test_readers_are_not_held_up_by_a_new_partition():
    """A transaction that has read the table is still open while the partition is attached."""
    SAMPLES.ensure(days(1))
    done = []

    def create():
        done.append(SAMPLES.ensure(days(0)))
        connection.close()

    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM metric_samples")
        thread = threading.Thread(target=create)
        thread.start()
        thread.join(timeout=10)
        assert done == [1]


@pytest.fixture
def today(now):
    now(datetime(2026, 3, 20, 2, tzinfo=UTC))


def test_drops_what_is_older_than_the_retention_and_a_day(tidy, today):
    SAMPLES.ensure(days(0, 30, 31, 32, 40))
    assert retention.every()["metric-partitions"].count(timezone.now()) == 2
    assert tidy("metric-partitions") == {"partitions_dropped": 2}
    assert SAMPLES.days() == days(0, 30, 31)


def test_keeps_hours_three_times_as_long(tidy, today):
    HOURS.ensure(days(91, 92))
    assert tidy("metric-partitions") == {"partitions_dropped": 1}
    assert HOURS.days() == days(91)


def test_keeps_as_many_days_as_the_setting_says(tidy, today, settings):
    settings.METRIC_RETENTION_DAYS = 5
    SAMPLES.ensure(days(6, 7))
    tidy("metric-partitions")
    assert SAMPLES.days() == days(6)


def test_leaves_a_partition_that_is_being_read_for_the_next_time(monkeypatch, caplog):
    monkeypatch.setattr(partitions, "DROP_LOCK_TIMEOUT", "20ms")
    SAMPLES.ensure(days(40))
    dropped = []

    def drop():
        dropped.append(SAMPLES.drop_before(TODAY))
        connection.close()

    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM metric_samples")
        thread = threading.Thread(target=drop)
        thread.start()
        thread.join(timeout=10)
    assert dropped == [0]
    assert "is in use" in caplog.text
    assert SAMPLES.drop_before(TODAY) == 1


def test_a_sample_of_a_day_without_partition_gets_one():
    """Two days back nobody created any; the sample is stored all the same."""
    series = MetricSeries.objects.create(instance=builders.instance())
    moment = datetime.now(UTC) - timedelta(days=2)
    with transaction.atomic():
        assert store(Batch.of([Sample(series.pk, moment, 1.0)]))["created"] == 1
    assert moment.date() in SAMPLES.days()
    assert moment.date() in HOURS.days()


def test_a_sample_is_stored_once_though_two_writers_need_the_same_new_partition():
    series = [MetricSeries.objects.create(instance=builders.instance()) for _ in range(2)]
    moment = datetime.now(UTC) - timedelta(days=3)
    counts = []

    def write(one):
        with transaction.atomic():
            counts.append(store(Batch.of([Sample(one.pk, moment, 1.0)]))["created"])
        connection.close()

    threads = [threading.Thread(target=write, args=[one]) for one in series]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts == [1, 1]
