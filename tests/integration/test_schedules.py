"""Schedules are rows; their slots become runs, once each."""

from datetime import UTC, datetime, timedelta

import pytest
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

from core.errors import InvalidInputError
from pipelines import due, ledger, registry, schedules, tasks
from pipelines.models import Run, Status, Trigger
from tests.integration.conftest import FakeHandler, work_off

DAY = timedelta(days=1)
MIDNIGHT = datetime(2026, 3, 2, tzinfo=UTC)


@pytest.fixture
def daily(pipelines, sent, now, db):
    """A daily pipeline whose schedule was created on 1 March at 15:00."""
    pipelines()
    registry.register(
        registry.Pipeline(
            name="nightly",
            handler=FakeHandler({}),
            every=DAY,
            title="Collect by night",
            follows_collect_every=True,
        )
    )
    PeriodicTask.objects.all().delete()
    now(datetime(2026, 3, 1, 15, tzinfo=UTC))
    schedules.ensure()


def row():
    return PeriodicTask.objects.get(name="Collect by night")


def test_creates_each_schedule_once(daily):
    schedules.ensure()
    assert set(PeriodicTask.objects.values_list("name", flat=True)) == {
        "Collect by night",
        "Deliver notifications",
        "Repair the run ledger",
        "Watch the platform",
        "Watch that each day's data are there in time",
    }


def test_keeps_what_an_administrator_edited(daily):
    PeriodicTask.objects.filter(pk=row().pk).update(
        name="Collect weekly", enabled=False, interval=IntervalSchedule.objects.create(every=7, period="days")
    )
    schedules.ensure()
    edited = PeriodicTask.objects.get(name="Collect weekly")
    assert (edited.enabled, edited.interval.every) == (False, 7)


def test_collects_as_often_as_collect_every_orders(daily, settings):
    settings.COLLECT_EVERY = "1m"
    schedules.ensure()
    assert str(row().interval) == "every minute"


def test_leaves_pipelines_alone_that_do_not_follow_collect_every(daily, settings):
    registry.register(registry.Pipeline(name="other", handler=FakeHandler({}), every=DAY, title="Other"))
    settings.COLLECT_EVERY = "1m"
    schedules.ensure()
    assert str(PeriodicTask.objects.get(name="Other").interval) == "every day"


def test_replaces_a_crontab_when_collect_every_orders_otherwise(daily, settings):
    PeriodicTask.objects.filter(pk=row().pk).update(interval=None, crontab=CrontabSchedule.objects.create())
    settings.COLLECT_EVERY = "12h"
    schedules.ensure()
    assert (row().interval.every, row().crontab) == (12, None)


@pytest.mark.parametrize("kwargs", ['{"pipeline":"nightly"}', '{ "pipeline" : "nightly" }'])
def test_knows_its_schedule_again_however_the_arguments_are_written(daily, settings, kwargs):
    PeriodicTask.objects.filter(pk=row().pk).update(kwargs=kwargs)
    settings.COLLECT_EVERY = "12h"
    schedules.ensure()
    assert PeriodicTask.objects.filter(task=schedules.START).count() == 1
    assert row().interval.every == 12


def test_lives_with_a_second_schedule_of_the_same_pipeline(daily, now):
    crontab = CrontabSchedule.objects.create(minute="0", hour="18", timezone="UTC")
    PeriodicTask.objects.create(name="By evening", task=schedules.START, kwargs=row().kwargs, crontab=crontab)
    schedules.ensure()
    now(MIDNIGHT + timedelta(hours=18, minutes=1))
    tasks.reconcile()
    assert Run.objects.filter(scheduled_for=MIDNIGHT + timedelta(hours=18)).exists()


@pytest.mark.parametrize(
    "broken",
    [
        {"kwargs": "{}"},
        {"kwargs": "not JSON"},
        {"kwargs": '{"pipeline": "unknown"}'},
        {"crontab": {"day_of_month": "30", "month_of_year": "2"}},
        {"interval": {"every": 10, "period": "microseconds"}},
        {"interval": {"every": 2_000_000_000, "period": "days"}},
    ],
    ids=["no pipeline", "no JSON", "unknown pipeline", "30 February", "microseconds", "5 million years"],
)
def test_one_broken_schedule_holds_up_no_other(daily, now, caplog, broken):
    values = {"kwargs": row().kwargs, **broken}
    if "crontab" in broken:
        values["crontab"] = CrontabSchedule.objects.create(**broken["crontab"])
    else:
        values["interval"] = IntervalSchedule.objects.create(
            **broken.get("interval", {"every": 1, "period": "hours"})
        )
    PeriodicTask.objects.create(name="Broken", task=schedules.START, **values)
    now(MIDNIGHT)
    tasks.reconcile()
    assert Run.objects.filter(scheduled_for=MIDNIGHT, status=Status.QUEUED).exists()
    assert "The schedule 'Broken' starts nothing" in caplog.text


@pytest.mark.parametrize(
    ("every", "times"), [(1, 1440), (60, 24), (24 * 60, 1)], ids=["minute", "hour", "day"]
)
def test_tells_how_often_a_pipeline_is_due_in_a_day(daily, every, times):
    PeriodicTask.objects.filter(pk=row().pk).update(
        interval=IntervalSchedule.objects.create(every=every, period="minutes")
    )
    assert due.slots_a_day("nightly") == times


def test_a_crontab_is_due_as_often_as_it_says(daily):
    twice = CrontabSchedule.objects.create(minute="30", hour="6,18")
    PeriodicTask.objects.filter(pk=row().pk).update(interval=None, crontab=twice)
    assert due.slots_a_day("nightly") == 2


def test_a_schedule_that_is_disabled_is_never_due(daily):
    PeriodicTask.objects.filter(pk=row().pk).update(enabled=False)
    assert due.slots_a_day("nightly") == 0


def test_refuses_a_collect_every_it_cannot_read(daily, settings):
    settings.COLLECT_EVERY = "daily"
    with pytest.raises(InvalidInputError, match="'daily' is not a duration"):
        schedules.ensure()


def test_starts_nothing_for_slots_from_before_the_schedule_was_created(daily, now):
    now(MIDNIGHT - timedelta(seconds=1))
    due.start_all_due()
    assert not Run.objects.exists()


def test_starts_the_slot_when_its_time_has_come(daily, now):
    now(MIDNIGHT)
    tasks.start_scheduled("nightly")
    run = Run.objects.get()
    assert (run.scheduled_for, run.trigger) == (MIDNIGHT, Trigger.SCHEDULE)


def test_starts_a_slot_once_though_two_beats_and_the_reconciler_ask_for_it(daily, now):
    now(MIDNIGHT + timedelta(seconds=3))
    tasks.start_scheduled("nightly")
    work_off()
    tasks.start_scheduled("nightly")
    tasks.reconcile()
    assert Run.objects.count() == 1


def test_catches_up_a_slot_that_was_missed_within_the_grace(daily, now):
    now(MIDNIGHT + timedelta(hours=11))
    tasks.reconcile()
    assert Run.objects.get().scheduled_for == MIDNIGHT


def test_notes_a_slot_that_was_missed_beyond_the_grace_as_skipped(daily, now):
    now(MIDNIGHT + timedelta(hours=13))
    tasks.reconcile()
    run = Run.objects.get()
    assert run.status == Status.SKIPPED
    assert run.error == "Missed: found 13:00:00 late, and the grace is 12:00:00."


def test_coalesces_the_slots_missed_in_three_days_into_the_last_one(daily, now):
    now(MIDNIGHT + 3 * DAY + timedelta(hours=1))
    tasks.reconcile()
    assert Run.objects.get(status=Status.QUEUED).scheduled_for == MIDNIGHT + 3 * DAY
    assert Run.objects.filter(status=Status.SKIPPED).count() == 3


def test_waits_for_a_run_started_by_hand_and_starts_its_slot_afterwards(daily, now):
    by_hand = ledger.start("nightly")
    now(MIDNIGHT)
    tasks.reconcile()
    assert Run.objects.get() == by_hand
    work_off(by_hand)
    Run.objects.update(started_at=MIDNIGHT - timedelta(minutes=1))
    tasks.reconcile()
    assert Run.objects.filter(scheduled_for=MIDNIGHT).exists()


def test_does_not_repeat_what_a_person_collected_after_the_slot(daily, now):
    now(MIDNIGHT + timedelta(hours=9))
    by_hand = ledger.start("nightly")
    work_off(by_hand)
    Run.objects.update(started_at=MIDNIGHT + timedelta(hours=9))
    tasks.reconcile()
    slot = Run.objects.get(scheduled_for=MIDNIGHT)
    assert (slot.status, slot.error) == (
        Status.SKIPPED,
        f"Done already by run {by_hand.pk}, started at 2026-03-02 09:00 UTC.",
    )


def test_starts_nothing_while_the_schedule_is_disabled(daily, now):
    PeriodicTask.objects.filter(pk=row().pk).update(enabled=False)
    now(MIDNIGHT)
    tasks.reconcile()
    assert not Run.objects.exists()


def test_follows_a_crontab_with_its_time_zone(daily, now):
    crontab = CrontabSchedule.objects.create(minute="30", hour="4", timezone="America/New_York")
    PeriodicTask.objects.filter(pk=row().pk).update(interval=None, crontab=crontab)
    now(datetime(2026, 3, 2, 9, 31, tzinfo=UTC))
    tasks.reconcile()
    assert Run.objects.get().scheduled_for == datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
