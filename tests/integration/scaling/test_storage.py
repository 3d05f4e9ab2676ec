"""Samples of managed instances go in and come out by columns; what is known and what is simulated stays."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from django.db import connection, transaction

from core.epoch import microseconds
from pipelines import ledger
from scaling import storage
from scaling.models import ManagedSample, Source
from tests import builders
from tests.integration.conftest import work_off
from tests.integration.scaling import samples as scaling

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 3, 20, 12, tzinfo=UTC)
HALF_MINUTE = timedelta(seconds=30)
NAN = float("nan")


@pytest.fixture(autouse=True)
def _noon(now):
    now(NOON)


@pytest.fixture
def instance():
    return builders.managed()


def write(*rows, **columns):
    return scaling.write(storage.store, *rows, **columns)


def read(*instances, since=NOON - timedelta(minutes=5)):
    """Return what is stored as (instance, seconds to noon, cpu)."""
    found = storage.read(np.array([each.pk for each in instances], np.int32), microseconds(since))
    seconds = (found.time - microseconds(NOON)) // 10**6
    return list(zip(found.instance.tolist(), seconds.tolist(), found.values[0].tolist(), strict=True))


# --- In --------------------------------------------------------------------------------------
def test_stores_a_sample_with_what_is_known_of_it(instance):
    counts = write((instance, NOON, 12.25, NAN, 1e9, 0.0), outlier=0b10000001)
    row = ManagedSample.objects.get()
    assert counts == {"created": 1, "updated": 0, "unchanged": 0}
    assert (row.instance_id, row.timestamp, row.source, row.outlier) == (instance.pk, NOON, 1, 0b10000001)
    assert (row.cpu, row.memory, row.network_in, row.network_out) == (12.25, None, 1e9, 0.0)


def test_of_a_moment_the_later_value_counts(instance):
    write((instance, NOON, 1.0), (instance, NOON + HALF_MINUTE, 2.0))
    counts = write(
        (instance, NOON, 1.0), (instance, NOON + HALF_MINUTE, 3.0), (instance, NOON + 2 * HALF_MINUTE)
    )
    assert counts == {"created": 1, "updated": 1, "unchanged": 1}
    assert list(ManagedSample.objects.order_by("timestamp").values_list("cpu", flat=True)) == [1.0, 3.0, None]


def test_unknown_never_replaces_known(instance):
    write((instance, NOON, 1.0, NAN, 5.0))
    write((instance, NOON, NAN, 40.0, NAN, 6.0))
    row = ManagedSample.objects.get()
    assert (row.cpu, row.memory, row.network_in, row.network_out) == (1.0, 40.0, 5.0, 6.0)


@pytest.mark.parametrize(
    ("first", "second", "stays"),
    [
        (Source.MOCK, Source.SIMULATED, 2.0),
        (Source.SIMULATED, Source.SIMULATED, 2.0),
        (Source.SIMULATED, Source.MOCK, 1.0),
        (Source.SIMULATED, Source.CLOUDWATCH, 1.0),
    ],
)
def test_a_simulated_sample_is_replaced_by_another_simulated_one_alone(instance, first, second, stays):
    write((instance, NOON, 1.0), source=first)
    write((instance, NOON, 2.0), source=second)
    assert ManagedSample.objects.get().cpu == stays


def test_samples_of_two_days_find_their_partitions(instance):
    yesterday = NOON - timedelta(days=1)
    assert write((instance, yesterday, 1.0), (instance, NOON, 2.0))["created"] == 2
    assert {NOON.date(), yesterday.date()} <= storage.TABLE.days()


@pytest.mark.parametrize(
    "moment", [NOON - timedelta(days=31), NOON + timedelta(days=2)], ids=["too old", "in the future"]
)
def test_counts_and_tells_what_it_refuses(instance, moment, caplog):
    counts = write((instance, moment, 1.0), (instance, NOON, 1.0))
    assert counts == {"created": 1, "updated": 0, "unchanged": 0, "refused": 1}
    assert "1 samples refused" in caplog.text


def test_nothing_is_stored_for_an_instance_that_was_deleted_meanwhile(instance):
    gone = builders.managed()
    rows = (gone, NOON, 1.0), (instance, NOON, 2.0)
    samples = scaling.samples(*rows)
    gone.delete()
    with transaction.atomic():
        assert storage.store(samples)["created"] == 1
    assert ManagedSample.objects.get().instance_id == instance.pk


# --- Out -------------------------------------------------------------------------------------
def test_reads_what_was_stored_unknown_as_nan(instance):
    written = scaling.samples((instance, NOON, 1.0, NAN, 3.0, NAN), source=Source.SIMULATED, outlier=5)
    with transaction.atomic():
        storage.store(written)
    found = storage.read(np.array([instance.pk], np.int32), microseconds(NOON))
    for column in ("instance", "time", "source", "outlier", "values"):
        np.testing.assert_array_equal(getattr(found, column), getattr(written, column))
        assert getattr(found, column).dtype == getattr(written, column).dtype


def test_reads_by_instance_and_moment_those_asked_for_alone():
    first, other, second = (builders.managed() for _ in range(3))
    moments = [NOON - HALF_MINUTE, NOON]
    write(*((each, moment, each.pk) for each in (first, other, second) for moment in moments))
    assert read(first, second) == [
        (each.pk, seconds, each.pk) for each in (first, second) for seconds in (-30, 0)
    ]


def test_reads_each_instance_from_a_moment_of_its_own():
    first, second = builders.managed(), builders.managed()
    write(*((each, NOON - n * HALF_MINUTE, 1.0) for each in (first, second) for n in range(3)))
    since = np.array([microseconds(NOON), microseconds(NOON - HALF_MINUTE)])
    found = storage.read(np.array([first.pk, second.pk], np.int32), since)
    assert found.instance.tolist() == [first.pk, second.pk, second.pk]
    assert found.time.min() == microseconds(NOON - HALF_MINUTE)


def test_reads_over_midnight(instance, now):
    now(NOON.replace(hour=0, minute=1))
    midnight = NOON.replace(hour=0)
    write((instance, midnight - HALF_MINUTE, 1.0), (instance, midnight, 2.0))
    assert [cpu for _, _, cpu in read(instance, since=midnight - HALF_MINUTE)] == [1.0, 2.0]


def test_without_instances_or_samples_there_is_nothing(instance):
    assert read() == []
    assert read(instance) == []


def test_reads_by_key_however_many_rows_the_table_has(instance):
    storage.TABLE.ensure([NOON.date()])
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO managed_samples (instance_id, timestamp, source, outlier)"
            " SELECT i, %s, 2, 0 FROM generate_series(1, 20000) i",
            [NOON],
        )
        cursor.execute("ANALYZE managed_samples")
        cursor.execute(f"EXPLAIN {storage._SELECTED}", ["{1,2,3}", "{0,0,0}", NOON])
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "Index Scan" in plan
    assert "Seq Scan" not in plan


# --- Upkeep ----------------------------------------------------------------------------------
def test_the_pipeline_of_partitions_maintains_the_table(sent):
    run = ledger.start("partitions")
    work_off(run)
    assert run.steps.filter(name="managed_samples").exists()
    today = NOON.date()
    assert {today + timedelta(days=ahead) for ahead in range(4)} <= storage.TABLE.days()


def test_samples_are_kept_as_long_as_those_of_the_estate(settings, now, tidy):
    settings.METRIC_RETENTION_DAYS = 5
    storage.TABLE.drop_before(date(9999, 1, 1))
    kept, over = (NOON.date() - timedelta(days=ago) for ago in (6, 7))
    storage.TABLE.ensure([kept, over])
    now(NOON)
    tidy("metric-partitions")
    assert storage.TABLE.days() == {kept}


@pytest.mark.parametrize("by", ["instance", "queryset", "owner"])
def test_samples_go_with_their_instance(instance, by):
    write((instance, NOON, 1.0), (builders.managed(), NOON, 2.0))
    {
        "instance": instance,
        "queryset": type(instance).objects.filter(pk=instance.pk),
        "owner": instance.owner,
    }[by].delete()
    assert list(ManagedSample.objects.values_list("cpu", flat=True)) == [2.0]
