"""Slots that were missed while beat was away: what is started, what is noted, and that none is forgotten."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.utils import timezone
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

from pipelines import due, ledger, registry, schedules
from pipelines.misfires import Misfire
from pipelines.models import Run, Status
from tests.integration.conftest import FakeHandler

pytestmark = pytest.mark.django_db

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
QUARTERS = {"minute": "*/15"}
# The schedules begin at 07:30 on a Monday; beat is away until 15:30.
BEGIN = datetime(2026, 3, 2, 7, 30, tzinfo=UTC)
BACK = BEGIN + 8 * HOUR
MISSED = [BEGIN + HOUR / 2 + number * HOUR for number in range(8)]


@pytest.fixture
def schedule(pipelines, sent, now):
    """Create a schedule at 07:30, hourly or by a crontab: `schedule(Misfire.ALL, minute="*/15")`."""
    pipelines()
    PeriodicTask.objects.all().delete()

    def create(misfire=Misfire.LATEST, *, grace=12 * HOUR, begin=BEGIN, name="watch", **crontab):
        now(begin)
        registry.register(registry.Pipeline(name=name, handler=FakeHandler({}), misfire=misfire, grace=grace))
        if crontab:
            rhythm = {"crontab": CrontabSchedule.objects.create(**{"timezone": "UTC", **crontab})}
        else:
            rhythm = {"interval": IntervalSchedule.objects.create(every=1, period="hours")}
        return PeriodicTask.objects.create(
            name=f"{name} {PeriodicTask.objects.count()}",
            task=schedules.START,
            kwargs=f'{{"pipeline": "{name}"}}',
            start_time=begin,
            **rhythm,
        )

    return create


def end_active_run(status=Status.SUCCEEDED):
    """End the run that is active, which began just now, and return its slot."""
    run = Run.objects.active().first()
    if run is not None:
        Run.objects.filter(pk=run.pk).update(
            status=status, started_at=timezone.now(), finished_at=timezone.now()
        )
    return run and run.scheduled_for


def catch_up():
    """Do what the repair does until there is nothing left to start; return the slots as they were started."""
    started = []
    while True:
        due.start_all_due()
        if (slot := end_active_run()) is None:
            return started
        started.append(slot)


def slots(pipeline="watch", **wanted):
    """The slots in the ledger, each as often as it is there."""
    return sorted(Run.objects.filter(pipeline=pipeline, **wanted).values_list("scheduled_for", flat=True))


def skipped():
    return slots(status=Status.SKIPPED)


def reasons():
    return set(Run.objects.filter(status=Status.SKIPPED).values_list("error", flat=True))


def ledger_rows():
    return list(Run.objects.order_by("pk").values())


# --- Beat is away for eight hours ------------------------------------------------------------
def test_latest_starts_the_last_slot_and_notes_the_others(schedule, now):
    schedule(Misfire.LATEST)
    now(BACK)
    assert catch_up() == [MISSED[-1]]
    assert skipped() == MISSED[:-1]
    assert reasons() == {"Missed; the slot of 2026-03-02 15:00 UTC makes up for it."}


def test_all_starts_every_slot_one_after_the_other(schedule, now):
    schedule(Misfire.ALL)
    now(BACK)
    assert catch_up() == MISSED
    assert skipped() == []


def test_all_starts_a_slot_once_the_one_before_has_ended(schedule, now):
    schedule(Misfire.ALL)
    now(BACK)
    due.start_all_due()
    due.start_all_due()
    assert slots() == MISSED[:1]
    end_active_run(Status.FAILED)
    due.start_all_due()
    assert slots() == MISSED[:2]


def test_all_notes_what_is_older_than_the_grace(schedule, now):
    schedule(Misfire.ALL, grace=3 * HOUR)
    now(BACK)
    assert catch_up() == MISSED[-3:]
    assert skipped() == MISSED[:-3]
    assert "Missed: found 7:30:00 late, and the grace is 3:00:00." in reasons()


def test_skip_notes_every_slot_and_waits_for_the_next(schedule, now):
    schedule(Misfire.SKIP)
    now(BACK)
    assert catch_up() == []
    assert skipped() == MISSED
    assert "Missed: 0:30:00 late, and the next slot is waited for." in reasons()
    now(BACK + HOUR / 2)
    assert catch_up() == [BACK + HOUR / 2]


def test_skip_starts_the_slot_at_which_beat_comes_back(schedule, now):
    schedule(Misfire.SKIP)
    now(MISSED[-1] + timedelta(seconds=20))
    assert catch_up() == [MISSED[-1]]
    assert skipped() == MISSED[:-1]


@pytest.mark.parametrize(
    ("misfire", "number_started"), [(Misfire.SKIP, 1), (Misfire.LATEST, 1), (Misfire.ALL, 33)]
)
def test_each_quarter_of_an_hour_has_one_row(schedule, now, misfire, number_started):
    schedule(misfire, **QUARTERS)
    now(BACK)
    # 07:30, at which it was created, is a slot, and so is 15:30, at which beat is back: 1 + 8 * 4.
    assert len(catch_up()) == number_started
    assert slots() == [BEGIN + number * HOUR / 4 for number in range(33)]


@pytest.mark.parametrize("misfire", Misfire)
@pytest.mark.parametrize("crontab", [{}, QUARTERS], ids=["hourly", "quarters"])
def test_a_second_look_changes_nothing(schedule, now, misfire, crontab):
    schedule(misfire, **crontab)
    now(BACK)
    catch_up()
    before = ledger_rows()
    due.start_all_due()
    due.start_due("watch")
    assert ledger_rows() == before


@pytest.mark.parametrize("misfire", Misfire)
def test_slots_that_were_on_time_all_have_their_run(schedule, now, misfire):
    schedule(misfire)
    for slot in MISSED:
        now(slot + timedelta(seconds=2))
        due.start_due("watch")
        assert end_active_run() == slot
    assert skipped() == []


# --- The days on which clocks change ---------------------------------------------------------
@pytest.mark.parametrize("misfire", Misfire)
@pytest.mark.parametrize(
    ("time", "friday", "days"),
    [
        ((4, 30), datetime(2026, 3, 6, 12, tzinfo=UTC), [(7, 9, 30), (8, 8, 30), (9, 8, 30)]),
        ((4, 30), datetime(2026, 10, 30, 12, tzinfo=UTC), [(31, 8, 30), (1, 9, 30), (2, 9, 30)]),
        ((2, 30), datetime(2026, 3, 6, 12, tzinfo=UTC), [(7, 7, 30), (8, 7, 0), (9, 6, 30)]),
        ((1, 30), datetime(2026, 10, 30, 12, tzinfo=UTC), [(31, 5, 30), (1, 5, 30), (2, 6, 30)]),
    ],
    ids=["spring", "autumn", "spring, left out", "autumn, twice"],
)
def test_a_daily_slot_in_new_york_is_had_once_a_day(schedule, now, misfire, time, friday, days):
    crontab = {"hour": time[0], "minute": time[1], "timezone": "America/New_York"}
    schedule(misfire, grace=4 * DAY, begin=friday, **crontab)
    now(friday + 3 * DAY)
    started = catch_up()
    assert len(started) == {Misfire.SKIP: 0, Misfire.LATEST: 1, Misfire.ALL: 3}[misfire]
    assert [(slot.day, slot.hour, slot.minute) for slot in slots()] == days


@pytest.mark.parametrize("misfire", Misfire)
@pytest.mark.parametrize(
    "change",
    [
        datetime(2026, 3, 8, 7, tzinfo=UTC),
        datetime(2026, 11, 1, 6, tzinfo=UTC),
        datetime(2026, 3, 29, 1, tzinfo=UTC),
        datetime(2026, 10, 25, 1, tzinfo=UTC),
    ],
    ids=["New York, spring", "New York, autumn", "Berlin, spring", "Berlin, autumn"],
)
def test_quarters_of_an_hour_go_on_through_a_change(schedule, now, misfire, change, request):
    zone = "America/New_York" if "New York" in request.node.name else "Europe/Berlin"
    begin = change - 4 * HOUR + timedelta(minutes=1)
    schedule(misfire, begin=begin, timezone=zone, **QUARTERS)
    now(change + 4 * HOUR)
    catch_up()
    assert slots() == [change - 4 * HOUR + number * HOUR / 4 for number in range(1, 33)]


# --- Several at the same moment --------------------------------------------------------------
def at_once(work, count=10):
    """Call `work` in that many threads at the same moment; what one of them raises is raised here."""
    barrier = threading.Barrier(count)

    def target(_number):
        barrier.wait()
        try:
            work()
        finally:
            connection.close()

    with ThreadPoolExecutor(count) as pool:
        list(pool.map(target, range(count)))


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("misfire", "running"), [(Misfire.SKIP, []), (Misfire.LATEST, MISSED[-1:]), (Misfire.ALL, MISSED[:1])]
)
def test_ten_at_once_make_one_run_of_each_slot(schedule, now, misfire, running):
    schedule(misfire)
    now(BACK)
    at_once(due.start_all_due)
    assert [run.scheduled_for for run in Run.objects.active()] == running
    catch_up()
    assert slots() == MISSED


@pytest.mark.django_db(transaction=True)
def test_ten_at_once_make_one_run_of_a_slot_that_is_on_time(schedule, now):
    schedule(Misfire.SKIP)
    now(MISSED[0])
    at_once(lambda: due.start_due("watch"))
    assert slots() == MISSED[:1]


# --- What counts as dealt with ---------------------------------------------------------------
def test_a_run_by_hand_hides_no_slot_that_was_missed(schedule, now):
    schedule(Misfire.ALL)
    now(MISSED[5] + timedelta(minutes=10))
    ledger.start("watch")
    end_active_run(Status.FAILED)
    now(BACK)
    assert catch_up() == MISSED


def test_a_run_by_hand_has_done_the_work_of_the_slots_before_it(schedule, now):
    schedule(Misfire.LATEST)
    now(MISSED[5] + timedelta(minutes=10))
    by_hand = ledger.start("watch")
    end_active_run()
    now(BACK)
    assert catch_up() == MISSED[-1:]
    done = f"Done already by run {by_hand.pk}, started at 2026-03-02 13:10 UTC."
    assert slots(error=done) == MISSED[:6]
    assert slots(error="Missed; the slot of 2026-03-02 15:00 UTC makes up for it.") == MISSED[6:7]


def test_missed_slots_wait_for_what_is_running(schedule, now):
    schedule(Misfire.LATEST)
    now(MISSED[0])
    due.start_all_due()
    now(BACK)
    due.start_all_due()
    assert slots() == MISSED[:1]
    Run.objects.update(status=Status.SUCCEEDED, started_at=MISSED[0], finished_at=BACK)
    assert catch_up() == MISSED[-1:]
    assert slots() == MISSED


@pytest.mark.parametrize(
    ("misfire", "started"), [(Misfire.LATEST, MISSED[-1:]), (Misfire.ALL, MISSED[:5] + MISSED[6:])]
)
def test_a_part_of_another_run_has_its_slot_and_hides_no_other(schedule, now, misfire, started):
    schedule(misfire)
    registry.register(registry.Pipeline(name="family", children=("watch",)))
    now(MISSED[5])
    ledger.start("family", slot=MISSED[5], trigger="schedule")
    Run.objects.update(status=Status.FAILED)
    now(BACK)
    assert catch_up() == started
    assert slots() == MISSED


def test_two_schedules_of_a_pipeline_hide_none_of_each_other_s_slots(schedule, now):
    schedule(Misfire.ALL)
    schedule(Misfire.ALL, hour="9,12", minute="20")
    now(BACK)
    twenty_past = [MISSED[1] + HOUR / 3, MISSED[4] + HOUR / 3]
    assert catch_up() == sorted([*MISSED, *twenty_past])


def test_a_schedule_without_a_start_or_a_run_begins_with_its_latest_slot(schedule, now):
    row = schedule(Misfire.ALL)
    PeriodicTask.objects.filter(pk=row.pk).update(start_time=None)
    now(BACK)
    assert catch_up() == MISSED[-1:]


def test_of_very_many_slots_the_latest_are_noted_and_the_others_told_of(schedule, now, monkeypatch, caplog):
    monkeypatch.setattr(due, "MOST_SLOTS", 5)
    schedule(Misfire.LATEST)
    now(BACK)
    catch_up()
    assert slots() == MISSED[-5:]
    assert "'watch 0' missed too much: 3 slots before 2026-03-02 11:00:00+00:00 have no run" in caplog.text


# --- Schedules that change -------------------------------------------------------------------
def change_interval(row):
    row.interval = IntervalSchedule.objects.create(every=10, period="minutes")
    row.save()


def edit_interval(row):
    row.interval.every, row.interval.period = 10, "minutes"
    row.interval.save()


def change_interval_alone(row):
    row.interval = IntervalSchedule.objects.create(every=10, period="minutes")
    row.save(update_fields=["interval"])


def change_interval_by_its_key(row):
    row.interval_id = IntervalSchedule.objects.create(every=10, period="minutes").pk
    row.save(update_fields=["interval_id"])


def change_to_crontab(row):
    row.interval, row.crontab = None, CrontabSchedule.objects.create(minute="*/10", timezone="UTC")
    row.save()


CHANGES = [
    change_interval,
    change_interval_alone,
    change_interval_by_its_key,
    edit_interval,
    change_to_crontab,
]


@pytest.mark.parametrize("start", [None, BEGIN])
def test_a_new_schedule_begins_when_it_is_made(schedule, now, start):
    row = schedule(Misfire.ALL)
    now(BACK)
    PeriodicTask.objects.create(
        name="Another", task=row.task, kwargs=row.kwargs, interval=row.interval, start_time=start
    )
    row.delete()
    assert catch_up() == []
    now(BACK + HOUR / 2)
    assert catch_up() == [BACK + HOUR / 2]


@pytest.mark.parametrize("change", CHANGES)
def test_another_rhythm_invents_no_missed_slots(schedule, now, change):
    row = schedule(Misfire.ALL)
    now(BACK + timedelta(minutes=1))
    change(row)
    now(BACK + timedelta(minutes=9))
    assert catch_up() == []
    now(BACK + timedelta(minutes=10))
    assert catch_up() == [BACK + timedelta(minutes=10)]


@pytest.mark.parametrize(("field", "value"), [("minute", "*/10"), ("timezone", "Asia/Kathmandu")])
def test_an_edited_crontab_invents_no_missed_slots(schedule, now, field, value):
    row = schedule(Misfire.ALL, minute="0")
    now(BACK + timedelta(minutes=1))
    crontab = CrontabSchedule.objects.get(pk=row.crontab_id)
    setattr(crontab, field, value)
    crontab.save()
    now(BACK + timedelta(minutes=9))
    assert catch_up() == []


def test_a_schedule_pointed_at_another_pipeline_invents_no_missed_slots(schedule, now):
    row = schedule(Misfire.ALL)
    registry.register(registry.Pipeline(name="other", handler=FakeHandler({}), misfire=Misfire.ALL))
    now(BACK)
    row.kwargs = '{"pipeline": "other"}'
    row.save()
    assert catch_up() == []


def test_enabled_again_after_two_days_it_replays_nothing(schedule, now):
    row = schedule(Misfire.ALL, grace=7 * DAY)
    row.enabled = False
    row.save()
    now(BACK + 2 * DAY)
    row.enabled = True
    row.save()
    assert catch_up() == []
    now(BACK + 2 * DAY + HOUR)
    assert catch_up() == [MISSED[-1] + 2 * DAY + HOUR]


def test_enabled_again_by_a_save_of_that_alone_it_replays_nothing(schedule, now):
    row = schedule(Misfire.ALL, grace=7 * DAY)
    for row.enabled, moment in ((False, BACK), (True, BACK + 2 * DAY)):
        now(moment)
        row.save(update_fields=["enabled"])
    assert catch_up() == []


def test_disabled_and_enabled_by_an_action_of_the_admin_it_replays_nothing(schedule, now):
    row = schedule(Misfire.ALL, grace=7 * DAY)
    rows = PeriodicTask.objects.filter(pk=row.pk)
    rows.update(enabled=False)
    for hours in range(48):
        now(BACK + hours * HOUR)
        due.start_all_due()
    rows.update(enabled=True)
    now(BACK + 47 * HOUR + timedelta(minutes=10))
    assert catch_up() == []


def test_enabled_by_an_action_while_beat_was_away_it_is_made_up_for_like_any_other(schedule, now):
    row = schedule(Misfire.LATEST)
    rows = PeriodicTask.objects.filter(pk=row.pk)
    rows.update(enabled=False)
    now(BACK + 2 * DAY)
    rows.update(enabled=True)
    assert catch_up() == [MISSED[-1] + 2 * DAY]
    assert len(skipped()) == 7 + 48


@pytest.mark.parametrize("change", CHANGES)
def test_a_start_in_the_future_is_kept_whatever_changes(schedule, now, change):
    row = schedule()
    row.start_time = BACK + DAY
    row.save()
    change(row)
    row.refresh_from_db()
    assert row.start_time == BACK + DAY


def test_what_beat_saves_with_every_message_forgets_no_missed_slot(schedule, now):
    row = schedule(Misfire.ALL)
    now(BACK)
    row.last_run_at, row.total_run_count = BACK, 7
    row.save()
    assert catch_up() == MISSED


def test_a_change_that_is_not_saved_forgets_no_missed_slot(schedule, now):
    row = schedule(Misfire.ALL)
    now(BACK)
    row.enabled, row.total_run_count = False, 7
    row.save(update_fields=["total_run_count"])
    assert catch_up() == MISSED


def test_an_interval_saved_unchanged_forgets_no_missed_slot(schedule, now):
    row = schedule(Misfire.ALL)
    now(BACK)
    row.interval.save()
    assert catch_up() == MISSED


# --- Lateness --------------------------------------------------------------------------------
def test_while_all_are_made_up_for_the_latest_slot_stays_late(schedule, now):
    schedule(Misfire.ALL)
    now(BACK)
    assert due.lateness(BACK) == {"watch": HOUR / 2}
    due.start_all_due()
    assert due.lateness(BACK) == {"watch": HOUR / 2}
    end_active_run()
    catch_up()
    assert due.lateness(BACK) == {"watch": timedelta(0)}


@pytest.mark.parametrize("misfire", [Misfire.LATEST, Misfire.SKIP])
def test_what_is_started_or_noted_is_no_longer_late(schedule, now, misfire):
    schedule(misfire)
    now(BACK)
    due.start_all_due()
    assert due.lateness(BACK) == {"watch": timedelta(0)}


def test_of_two_schedules_of_a_pipeline_the_later_one_tells(schedule, now):
    schedule()
    schedule(hour="9", minute="20")
    schedule(begin=BACK, hour="3", minute="0")
    assert due.lateness(BACK) == {"watch": timedelta(hours=6, minutes=10)}
