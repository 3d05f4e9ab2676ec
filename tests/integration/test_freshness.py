"""The promise of 05:00 in New York is watched: a breach raises its alert, and data resolve it."""

from datetime import UTC, datetime, timedelta

import pytest
from django_celery_beat.models import CrontabSchedule, PeriodicTask

from alerts.models import Alert
from pipelines import freshness, schedules, slo, tasks
from pipelines.models import Status
from tests import builders

pytestmark = pytest.mark.django_db

SLOT = datetime(2026, 2, 3, 9, 30, tzinfo=UTC)
DEADLINE = datetime(2026, 2, 3, 10, tzinfo=UTC)


@pytest.fixture
def row():
    """The schedule of the daily collection at 04:30 in New York, since the year began."""
    [row, *_] = schedules.rows_of("daily")
    cron = CrontabSchedule.objects.create(minute="30", hour="4", timezone="America/New_York")
    begun = datetime(2026, 1, 1, tzinfo=UTC)
    PeriodicTask.objects.filter(pk=row.pk).update(interval=None, crontab=cron, enabled=True, start_time=begun)
    return PeriodicTask.objects.filter(pk=row.pk)


def run(began_at=SLOT, minutes=10, status=Status.SUCCEEDED, **fields):
    ended_at = began_at + timedelta(minutes=minutes)
    return builders.run("daily", status, started_at=began_at, finished_at=ended_at, **fields)


def fresh(now=DEADLINE):
    return freshness.current(now)["fresh"]


def is_told():
    return Alert.objects.unresolved().filter(key="freshness:daily", severity="error").exists()


def test_a_breach_raises_its_alert_and_data_resolve_it(row):
    run(SLOT - timedelta(days=1))
    freshness.watch(DEADLINE - timedelta(seconds=1))
    assert not is_told()
    freshness.watch(DEADLINE)
    assert is_told()
    run(minutes=45)
    freshness.watch(DEADLINE + timedelta(minutes=16))
    assert not is_told()


def test_a_breach_is_told_once(row):
    for minutes in range(3):
        freshness.watch(DEADLINE + timedelta(minutes=minutes))
    alert = Alert.objects.get()
    assert alert.count == 1
    assert alert.title == "The daily data were not there by 05:00 in New York"
    assert "due at 2026-02-03 09:30 UTC" in alert.body


def test_looking_costs_few_queries(row, django_assert_max_num_queries):
    for day in range(30):
        run(SLOT - timedelta(days=day))
    with django_assert_max_num_queries(3):
        freshness.watch(DEADLINE)


def test_beat_has_it_watched_each_minute(now):
    schedule = PeriodicTask.objects.get(task="pipelines.tasks.watch_freshness")
    assert (schedule.interval.every, schedule.interval.period) == (1, "minutes")
    now(DEADLINE)
    tasks.watch_freshness()


# --- What counts as data ---------------------------------------------------------------------
@pytest.mark.parametrize(
    ("fields", "is_fresh"),
    [
        ({}, True),
        ({"status": Status.PARTIAL, "counts": {"unchanged": 3}}, True),
        ({"status": Status.PARTIAL, "counts": {"slots_checked": 3}}, False),
        ({"status": Status.FAILED, "counts": {"created": 3}}, False),
        ({"status": Status.CANCELLED}, False),
        ({"params": {"start": "2026-01-01", "end": "2026-01-31"}}, False),
        ({"params": {"start": "2026-01-01", "end": "2026-02-03"}}, True),
        ({"params": {"sources": ["ec2"]}}, False),
        ({"params": {"sources": ["ec2", "cost", "cpu"]}}, True),
        ({"began_at": SLOT - timedelta(days=1)}, False),
    ],
    ids=lambda each: str(each)[:60],
)
def test_data_are_what_a_whole_collection_of_yesterday_brought(row, fields, is_fresh):
    run(**fields)
    assert fresh() is is_fresh


def test_a_child_of_another_run_is_no_daily_run(row):
    run(parent=builders.run("other"))
    assert fresh() is False


def test_what_is_known_is_told(row):
    run()
    assert freshness.current(DEADLINE) == {
        "fresh": True,
        "deadline": DEADLINE,
        "last_success_at": SLOT + timedelta(minutes=10),
        "reason": "",
    }


# --- Days that clocks change -----------------------------------------------------------------
@pytest.mark.parametrize(
    ("slot", "deadline"),
    [
        (datetime(2026, 3, 8, 8, 30, tzinfo=UTC), datetime(2026, 3, 8, 9, tzinfo=UTC)),
        (datetime(2026, 11, 1, 9, 30, tzinfo=UTC), datetime(2026, 11, 1, 10, tzinfo=UTC)),
    ],
    ids=["forward", "back"],
)
def test_is_right_on_the_days_that_clocks_change(row, slot, deadline):
    run(slot - timedelta(hours=25))
    freshness.watch(deadline - timedelta(seconds=1))
    assert not is_told()
    freshness.watch(deadline)
    assert is_told()
    run(slot)
    freshness.watch(deadline + timedelta(minutes=1))
    assert not is_told()


# --- Unknown ---------------------------------------------------------------------------------
def test_a_disabled_schedule_promises_nothing(row):
    row.update(enabled=False)
    assert fresh() is None
    assert "disabled" in freshness.current(DEADLINE)["reason"]
    freshness.watch(DEADLINE)
    assert not is_told()


def test_a_platform_younger_than_its_first_slot_promises_nothing(row):
    row.update(start_time=SLOT + timedelta(minutes=1))
    assert fresh() is None
    assert fresh(DEADLINE + timedelta(days=1)) is False


def test_what_is_unknown_leaves_the_alert_as_it_is(row):
    freshness.watch(DEADLINE)
    row.update(enabled=False)
    freshness.watch(DEADLINE + timedelta(days=1))
    assert is_told()


# --- The share of days -----------------------------------------------------------------------
class TestTheRate:
    def rate(self, days=10):
        now = DEADLINE + timedelta(days=days)
        return slo.measured(now, 30)["freshness_rate"]

    def test_days_without_a_run_are_missed_while_the_schedule_is_enabled(self, row):
        run()
        assert self.rate(days=3) == 0.25

    def test_days_before_the_first_run_do_not_count(self, row):
        run(SLOT + timedelta(days=10))
        assert self.rate() == 1.0

    def test_days_with_the_schedule_disabled_do_not_count(self, row):
        run()
        row.update(enabled=False)
        assert self.rate() == 1.0

    def test_days_before_the_schedule_was_enabled_again_do_not_count(self, row):
        run()
        row.update(start_time=SLOT + timedelta(days=8))
        assert self.rate() == pytest.approx(1 / 4)  # the first, and three since then that were missed

    def test_data_that_came_late_keep_no_promise(self, row):
        run()
        run(SLOT + timedelta(days=1), minutes=31)
        assert self.rate(days=1) == 0.5
