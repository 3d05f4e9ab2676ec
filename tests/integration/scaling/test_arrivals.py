"""Samples are flagged as they arrive, each against what was before it; what is simulated stays."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from django.db import transaction

from scaling.columns import Samples
from scaling.models import ManagedSample, Source
from scaling.services import arrivals
from tests import builders
from tests.integration.scaling import samples as scaling

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 3, 20, 12, tzinfo=UTC)
HALF_MINUTE = timedelta(seconds=30)
CPU_HIGH, CPU_LOW, MEMORY_HIGH = 0b1, 0b10, 0b100


@pytest.fixture(autouse=True)
def _noon(now):
    now(NOON)


@pytest.fixture
def mock():
    return builders.managed()


def record(*rows, source=Source.MOCK):
    return scaling.write(arrivals.record, *rows, source=source)


def steady(instance, count=8, *, until=NOON, step=HALF_MINUTE, source=Source.MOCK):
    """Samples at 45 % that end before a moment."""
    record(*((instance, until - n * step, 45.0, 45.0) for n in range(1, count + 1)), source=source)


def flags(instance):
    rows = ManagedSample.objects.filter(instance=instance, outlier__gt=0)
    return {(row.timestamp - NOON).total_seconds(): row.outlier for row in rows}


def test_a_usual_sample_is_not_flagged(mock):
    steady(mock)
    assert record((mock, NOON, 46.0, 44.0))["created"] == 1
    assert flags(mock) == {}


@pytest.mark.parametrize(
    ("values", "flag"),
    [((95.0, 45.0), CPU_HIGH), ((1.0, 45.0), CPU_LOW), ((95.0, 99.0), CPU_HIGH | MEMORY_HIGH)],
)
def test_an_outlier_is_flagged_for_each_metric(mock, values, flag):
    steady(mock)
    record((mock, NOON, *values))
    assert flags(mock) == {0: flag}


def test_without_enough_before_it_nothing_is_flagged(mock):
    steady(mock, 3)
    record((mock, NOON, 95.0))
    assert flags(mock) == {}


def test_samples_that_come_together_are_taken_one_after_the_other(mock):
    """Each is flagged against those before it, of which the flagged ones do not count."""
    steady(mock)
    record(*((mock, NOON + n * HALF_MINUTE, 95.0) for n in range(3)))
    assert flags(mock) == {0: CPU_HIGH, 30: CPU_HIGH, 60: CPU_HIGH}


def test_a_load_that_lasts_becomes_usual_once_the_window_is_past_its_beginning(mock):
    """At 180 s the window begins at -90 s: three samples of 45 % are left, too few to tell what is usual."""
    steady(mock)
    record(*((mock, NOON + n * HALF_MINUTE, 95.0) for n in range(12)))
    assert set(flags(mock)) == {0, 30, 60, 90, 120, 150}


def test_the_window_of_a_slow_source_is_five_of_its_periods():
    slow = builders.managed(inventory=builders.instance())
    five_minutes = timedelta(minutes=5)
    steady(slow, 5, step=five_minutes, source=Source.CLOUDWATCH)
    record((slow, NOON, 95.0), source=Source.CLOUDWATCH)
    assert flags(slow) == {0: CPU_HIGH}


def test_instances_are_judged_by_themselves(mock):
    busy = builders.managed()
    steady(mock)
    record(*((busy, NOON - n * HALF_MINUTE, 95.0) for n in range(1, 9)))
    record((mock, NOON, 95.0), (busy, NOON, 95.0))
    assert flags(mock) == {0: CPU_HIGH}
    assert flags(busy) == {}


def test_a_late_sample_is_judged_by_what_was_before_it_not_by_what_came_after(mock):
    steady(mock, until=NOON - HALF_MINUTE)
    record((mock, NOON, 45.0))
    record((mock, NOON - HALF_MINUTE, 95.0))
    assert flags(mock) == {-30: CPU_HIGH}


def test_flags_that_samples_come_with_do_not_count(mock):
    scaling.write(arrivals.record, (mock, NOON, 45.0), outlier=CPU_HIGH)
    assert flags(mock) == {}


def test_a_mock_measures_nothing_for_a_time_that_something_is_simulated_for(mock):
    """A load that was backdated up to 12:00:20 is not diluted by the sample of 12:00, which comes later."""
    moments = [NOON - HALF_MINUTE, NOON, NOON + timedelta(seconds=20)]
    record(*((mock, moment, 95.0) for moment in moments[1:]), source=Source.SIMULATED)
    record(*((mock, moment, 45.0) for moment in moments))
    assert ManagedSample.objects.filter(source=Source.MOCK).count() == 0
    record((mock, NOON + HALF_MINUTE, 45.0))
    assert ManagedSample.objects.filter(source=Source.MOCK).count() == 1


def test_what_cloudwatch_measured_is_stored_whatever_is_simulated():
    real = builders.managed(inventory=builders.instance())
    record((real, NOON, 95.0), source=Source.SIMULATED)
    record((real, NOON - HALF_MINUTE, 10.0), source=Source.CLOUDWATCH)
    assert ManagedSample.objects.count() == 2


def test_samples_of_an_instance_that_does_not_exist_are_left_out(mock):
    gone = builders.managed()
    both = scaling.samples((gone, NOON, 45.0), (mock, NOON, 45.0))
    gone.delete()
    with transaction.atomic():
        assert arrivals.record(both)["created"] == 1


def test_no_samples_are_no_trouble():
    with transaction.atomic():
        assert arrivals.record(Samples.none()) == {"created": 0, "updated": 0, "unchanged": 0}


def test_a_thousand_samples_of_many_instances_are_flagged_as_one_by_one():
    chance = np.random.default_rng(4)
    instances = [builders.managed() for _ in range(4)]
    rows = [
        (one, NOON - n * HALF_MINUTE, *chance.choice([45.0, 46.0, 95.0, np.nan], 2))
        for one in instances
        for n in range(30)
    ]
    record(*rows)
    together = {one.pk: flags(one) for one in instances}
    ManagedSample.objects.all().delete()
    for row in sorted(rows, key=lambda row: row[1]):
        record(row)
    assert together == {one.pk: flags(one) for one in instances}
    assert sum(map(len, together.values())) > 0
