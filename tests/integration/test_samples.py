"""Samples are written once each, and hours, days and daily CPU figures follow them exactly."""

import threading
from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection, transaction

from collectors.aws.cpu import CpuDay
from collectors.models import CpuMetric, MetricDay, MetricHour, MetricSample, MetricSeries
from collectors.samples.batch import Batch, Sample
from collectors.samples.histogram import Bytes, Percent, percentile
from collectors.samples.store import store
from collectors.services import cpu
from core.errors import InvalidInputError
from tests import builders

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 3, 20, 12, tzinfo=UTC)
TODAY = date(2026, 3, 20)


@pytest.fixture(autouse=True)
def _today(monkeypatch):
    monkeypatch.setattr("django.utils.timezone.now", lambda: NOON)


@pytest.fixture
def series():
    return MetricSeries.objects.create(instance=builders.instance())


def at(hour, minute=0, day=TODAY):
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=UTC)


def hour_of(series, hour):
    return MetricHour.objects.get(series=series, hour=at(hour))


def day_of(series, day=TODAY):
    return MetricDay.objects.get(series=series, date=day)


def write(*samples):
    with transaction.atomic():
        return store(Batch.of([Sample(*sample) for sample in samples]))


# --- Samples ---------------------------------------------------------------------------------
def test_stores_a_sample_with_what_is_known_of_it(series):
    write((series.pk, at(9, 5), 12.25, None, 1e9, 0.0))
    row = MetricSample.objects.get()
    assert (row.series_id, row.timestamp) == (series.pk, at(9, 5))
    assert (row.cpu, row.memory, row.network_in, row.network_out) == (12.25, None, 1e9, 0.0)


@pytest.mark.parametrize("missing", range(4))
def test_each_metric_may_be_unknown(series, missing):
    figures = [1.5, 2.5, 3.5, 4.5]
    figures[missing] = None
    write((series.pk, at(9), *figures))
    row = MetricSample.objects.get()
    assert [row.cpu, row.memory, row.network_in, row.network_out] == figures


def test_counts_what_it_created_updated_and_left_alone(series):
    assert write((series.pk, at(9), 1.0), (series.pk, at(10), 2.0)) == {
        "created": 2,
        "updated": 0,
        "unchanged": 0,
    }
    counts = write((series.pk, at(9), 1.0), (series.pk, at(10), 3.0), (series.pk, at(11), 4.0))
    assert counts == {"created": 1, "updated": 1, "unchanged": 1}


def test_counts_over_midnight(series):
    yesterday = at(23, 55, TODAY - timedelta(days=1))
    assert write((series.pk, yesterday, 1.0), (series.pk, at(0), 2.0))["created"] == 2
    assert write((series.pk, yesterday, 1.0), (series.pk, at(0), 5.0)) == {
        "created": 0,
        "updated": 1,
        "unchanged": 1,
    }


def test_counts_though_one_series_was_written_further_than_another(series):
    other = MetricSeries.objects.create()
    write((series.pk, at(9), 1.0), (series.pk, at(9, 10), 2.0))
    moments = [at(9), at(9, 5), at(9, 10), at(9, 15)]
    counts = write(*((key, moment, 1.0) for key in (series.pk, other.pk) for moment in moments))
    assert counts == {"created": 6, "updated": 1, "unchanged": 1}
    assert MetricSample.objects.count() == 8


def test_what_is_unknown_the_second_time_stays_known(series):
    write((series.pk, at(9), 1.0, None, 5.0))
    assert write((series.pk, at(9), None, 40.0))["updated"] == 1
    row = MetricSample.objects.get()
    assert (row.cpu, row.memory, row.network_in) == (1.0, 40.0, 5.0)


@pytest.mark.parametrize(
    "moment", [NOON - timedelta(days=31), NOON + timedelta(days=2)], ids=["too old", "in the future"]
)
def test_counts_and_tells_what_it_refuses(series, moment, caplog):
    assert write((series.pk, moment, 1.0), (series.pk, at(9), 1.0)) == {
        "created": 1,
        "updated": 0,
        "unchanged": 0,
        "refused": 1,
    }
    assert "1 samples refused" in caplog.text


def test_refuses_a_series_that_does_not_exist(series):
    with pytest.raises(InvalidInputError, match="1 metric series do not exist"):
        write((series.pk + 1, at(9), 1.0))


def test_accepts_nothing_at_all():
    assert write() == {"created": 0, "updated": 0, "unchanged": 0}


# --- Hours and days --------------------------------------------------------------------------
def test_an_hour_adds_up_its_samples(series):
    write(*((series.pk, at(9, minute), cpu) for minute, cpu in ((0, 10.0), (5, 20.0), (55, 60.0))))
    hour = hour_of(series, 9)
    assert (hour.cpu_count, hour.cpu_sum, hour.cpu_min, hour.cpu_max) == (3, 90.0, 10.0, 60.0)
    assert (hour.memory_count, hour.memory_sum, hour.memory_histogram) == (0, None, None)


def test_a_day_adds_up_its_hours(series):
    write((series.pk, at(0), 10.0), (series.pk, at(0, 5), 20.0), (series.pk, at(23, 55, TODAY), 60.0))
    day = day_of(series)
    assert (day.hours, day.cpu_count, day.cpu_sum, day.cpu_min, day.cpu_max) == (2, 3, 90.0, 10.0, 60.0)


def test_a_sample_that_comes_again_is_counted_once(series):
    for _ in range(2):
        write((series.pk, at(9), 10.0), (series.pk, at(9, 5), 20.0))
    assert (hour_of(series, 9).cpu_sum, day_of(series).cpu_sum) == (30.0, 30.0)


def test_a_restated_sample_counts_with_its_last_value(series):
    write((series.pk, at(9), 10.0), (series.pk, at(9, 5), 20.0))
    write((series.pk, at(9, 5), 40.0))
    for rollup in (hour_of(series, 9), day_of(series)):
        assert (rollup.cpu_count, rollup.cpu_sum, rollup.cpu_max) == (2, 50.0, 40.0)


def test_a_late_sample_is_added_to_its_hour_and_day(series):
    write((series.pk, at(9), 10.0), (series.pk, at(10), 20.0))
    write((series.pk, at(9, 30), 30.0))
    assert hour_of(series, 9).cpu_sum == 40.0
    assert (day_of(series).cpu_sum, day_of(series).hours) == (60.0, 2)


def test_leaves_other_series_alone(series):
    other = MetricSeries.objects.create()
    write((other.pk, at(9), 99.0))
    write((series.pk, at(9), 1.0))
    assert (hour_of(other, 9).cpu_sum, day_of(other).cpu_sum) == (99.0, 99.0)


def test_hours_and_days_are_utc_wherever_the_session_is(series):
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL TIME ZONE 'Asia/Kolkata'")
    write((series.pk, at(0, 15), 10.0), (series.pk, at(0, 45), 30.0))
    assert hour_of(series, 0).cpu_sum == 40.0
    assert day_of(series).cpu_sum == 40.0


def test_a_p95_comes_from_the_samples_of_the_whole_day(series):
    cpu = [*range(1, 20), 95.5]
    write(
        *(
            (series.pk, at(number, 5), float(percent), None, 1000.0 * percent)
            for number, percent in enumerate(cpu)
        )
    )
    day = day_of(series)
    assert percentile(day.cpu_histogram, Percent(), 0.95) == 19.5  # 19 of 20 samples are 19 % or less
    assert percentile(day.cpu_histogram, Percent(), 0.96) == 95.5
    assert percentile(day.network_in_histogram, Bytes(), 0.95) == pytest.approx(19_000, rel=0.091)


@pytest.mark.parametrize(("percent", "middle"), [(0.0, 0.5), (99.99, 99.5), (100.0, 99.5), (100.4, 99.5)])
def test_the_ends_of_the_percent_scale(series, percent, middle):
    write((series.pk, at(9), percent))
    assert percentile(day_of(series).cpu_histogram, Percent(), 0.95) == middle


@pytest.mark.parametrize("sent", [0.0, 1.0, 2.0, 1500.0, 1e9, 8e12])
def test_the_scale_of_bytes(series, sent):
    write((series.pk, at(9), None, None, None, sent))
    found = percentile(day_of(series).network_out_histogram, Bytes(), 0.95)
    assert found == pytest.approx(sent, rel=0.1, abs=1)


@pytest.mark.django_db(transaction=True)
def test_two_writers_of_one_hour_see_each_others_samples(series):
    """Each commits only after the other has begun; the hour must hold both."""
    began = threading.Barrier(2)

    def writer(minute):
        try:
            with transaction.atomic():
                began.wait(timeout=10)
                store(Batch.of([Sample(series.pk, at(9, minute), 10.0)]))
        finally:
            connection.close()

    threads = [threading.Thread(target=writer, args=[minute]) for minute in (0, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (hour_of(series, 9).cpu_count, day_of(series).cpu_sum) == (2, 20.0)


# --- The daily CPU table ---------------------------------------------------------------------
def daily_sync(series, average, hours):
    """What the daily collection reads of today."""
    of = series.instance
    figure = CpuDay(of.instance_id, TODAY, average, average * 2, hours, hours / 24)
    with transaction.atomic():
        return cpu.store([figure], {of.instance_id: of.pk})


def test_samples_write_the_daily_cpu_of_their_instance(series):
    write((series.pk, at(9), 10.0), (series.pk, at(10), 30.0))
    row = CpuMetric.objects.get()
    assert (row.ec2, row.instance_id, row.date) == (series.instance, series.instance.instance_id, TODAY)
    assert (row.average_cpu, row.maximum_cpu, row.samples) == (20.0, 30.0, 2)
    assert (row.coverage, row.from_samples) == (2 / 24, True)


def test_a_series_outside_the_inventory_has_no_daily_cpu():
    write((MetricSeries.objects.create().pk, at(9), 10.0))
    assert not CpuMetric.objects.exists()


def test_a_day_without_cpu_samples_has_no_daily_cpu(series):
    write((series.pk, at(9), None, 50.0))
    assert not CpuMetric.objects.exists()


def test_samples_replace_a_day_of_which_they_cover_more_hours(series):
    daily_sync(series, 50.0, hours=1)
    write((series.pk, at(9), 10.0), (series.pk, at(10), 30.0))
    row = CpuMetric.objects.get()
    assert (row.average_cpu, row.maximum_cpu, row.from_samples) == (20.0, 100.0, True)


@pytest.mark.parametrize("hours", [2, 3], ids=["as many hours", "more hours"])
def test_samples_leave_a_day_that_is_covered_as_well(series, hours):
    daily_sync(series, 50.0, hours=hours)
    write((series.pk, at(9), 10.0), (series.pk, at(10), 30.0))
    row = CpuMetric.objects.get()
    assert (row.average_cpu, row.from_samples) == (50.0, False)


def test_the_daily_sync_leaves_a_day_of_which_samples_cover_more_hours(series):
    write((series.pk, at(9), 10.0), (series.pk, at(10), 30.0))
    assert daily_sync(series, 50.0, hours=1) == {"created": 0, "updated": 0, "unchanged": 1}
    assert CpuMetric.objects.get().average_cpu == 20.0


def test_the_daily_sync_replaces_a_day_that_it_covers_as_well(series):
    write((series.pk, at(9), 10.0), (series.pk, at(10), 30.0))
    assert daily_sync(series, 50.0, hours=2)["updated"] == 1
    row = CpuMetric.objects.get()
    assert (row.average_cpu, row.from_samples) == (50.0, False)


def test_the_daily_sync_still_reads_the_past_of_an_instance_with_samples(series):
    write((series.pk, at(9), 10.0))
    [(start, ids)] = cpu.windows([series.instance.pk], TODAY)
    assert (start, list(ids)) == (TODAY - cpu.FIRST_WINDOW, [series.instance.instance_id])
