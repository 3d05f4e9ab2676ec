"""The platform's minutes: written from the ledger, made up for, judged, and answered with workers."""

from datetime import UTC, datetime, timedelta

import pytest
from django.conf import settings
from django.db import connection, transaction
from django_celery_beat.models import PeriodicTask

from alerts.models import Alert
from pipelines import retention, schedules, tasks, watching
from pipelines.models import Capacity, PlatformMinute, Status, Step
from tests import builders
from tests.integration.test_ledger import in_threads

pytestmark = pytest.mark.django_db(transaction=True)

NOW = datetime(2026, 3, 1, 6, 30, 20, tzinfo=UTC)
MINUTE = NOW.replace(minute=29, second=0)
"""The one that is over."""


@pytest.fixture(autouse=True)
def _clock(now):
    now(NOW)


def at(second, minute=MINUTE):
    return minute + timedelta(seconds=second)


def step(status=Status.SUCCEEDED, ended_at=MINUTE, *, run, **fields):
    return builders.step(run, f"step {run.steps.count()}", status, finished_at=ended_at, **fields)


@pytest.fixture
def run():
    """A run that goes on."""
    return builders.run(status=Status.RUNNING)


def written():
    """Attempts and failures by the minutes of the hour."""
    rows = PlatformMinute.objects.order_by("minute")
    return {row.minute.minute: (row.attempts, row.failures) for row in rows if row.attempts}


def again(outcome, ended_at):
    return {"outcome": outcome, "ended_at": ended_at.isoformat(), "attempt": 1}


# --- What ended ------------------------------------------------------------------------------
def test_attempts_count_in_the_minute_in_which_they_ended(run):
    for second in (0, 59.9):
        step(ended_at=at(second), run=run)
    step(Status.FAILED, at(30), run=run)
    step(ended_at=at(-1), run=run)
    step(ended_at=at(60), run=run)
    watching.write(NOW)
    assert written() == {28: (1, 0), 29: (3, 1)}


def test_attempts_that_others_followed_are_in_the_history(run):
    failed = [again("retried", at(1)), again("lost", at(2))]
    step(Status.SUCCEEDED, at(10), run=run, history=failed)
    step(Status.QUEUED, None, run=run, history=[again("retried", at(3)), again("given back", at(4))])
    watching.write(NOW)
    assert written() == {29: (4, 3)}


def test_the_last_attempt_counts_once_though_the_history_has_it_too(run):
    step(Status.FAILED, at(10), run=run, history=[again("retried", at(1)), again("failed", at(10))])
    watching.write(NOW)
    assert written() == {29: (2, 2)}


def test_what_was_not_attempted_or_called_off_does_not_count(run):
    step(Status.FAILED, at(1), run=run)
    run.steps.update(attempt=0)
    step(Status.CANCELLED, at(1), run=run)
    builders.run("cost", Status.SKIPPED, attempt=1, finished_at=at(1))
    watching.write(NOW)
    assert written() == {}


def test_a_run_counts_where_it_came_to_no_steps():
    for status in (Status.FAILED, Status.SUCCEEDED):
        builders.run("cost", status, attempt=1, finished_at=at(1))
    parent = builders.run("daily", Status.FAILED, attempt=1, finished_at=at(1))
    of_steps = builders.run(
        "ec2", Status.FAILED, attempt=1, finished_at=at(1), parent=parent, step_counts={"failed": 1}
    )
    step(Status.FAILED, at(1), run=of_steps)
    watching.write(NOW)
    assert written() == {29: (3, 2)}


# --- The minutes -----------------------------------------------------------------------------
def test_the_busiest_machine_of_those_heard_of_lately_tells_the_cpu():
    builders.worker(cpu_percent=30.0, seen_at=NOW)
    builders.worker(cpu_percent=75.5, seen_at=NOW - timedelta(seconds=59))
    builders.worker(cpu_percent=99.0, seen_at=NOW - timedelta(seconds=61))
    builders.worker(cpu_percent=None, seen_at=NOW)
    watching.write(NOW)
    assert PlatformMinute.objects.get(minute=MINUTE).cpu_percent == 75.5


def test_without_workers_the_cpu_is_unknown():
    watching.write(NOW)
    assert PlatformMinute.objects.get(minute=MINUTE).cpu_percent is None


def test_missed_minutes_are_made_up_for_without_their_cpu(run):
    builders.worker(seen_at=NOW)
    builders.minutes(MINUTE - timedelta(minutes=4), number=1)
    for back in range(5):
        step(ended_at=at(0, MINUTE - timedelta(minutes=back)), run=run)
    watching.write(NOW)
    rows = PlatformMinute.objects.filter(minute__gt=MINUTE - timedelta(minutes=5)).order_by("minute")
    assert [row.attempts for row in rows] == [1, 1, 1, 1, 1]
    assert [row.cpu_percent for row in rows] == [None, None, None, None, 20.0]


def test_at_most_fifteen_minutes_are_made_up_for():
    builders.minutes(MINUTE - timedelta(hours=3), number=1)
    watching.write(NOW)
    assert PlatformMinute.objects.count() == 1 + 15


def test_what_was_committed_late_is_counted_when_the_minute_is_looked_at_again(run):
    builders.worker(seen_at=NOW)
    watching.write(NOW)
    step(Status.FAILED, at(59), run=run)
    builders.worker(cpu_percent=90.0, seen_at=NOW + timedelta(minutes=1))
    watching.write(NOW + timedelta(minutes=1))
    first = PlatformMinute.objects.get(minute=MINUTE)
    assert (first.attempts, first.failures, first.cpu_percent) == (1, 1, 20.0)


def test_beat_sends_the_look_each_minute_to_the_queue_of_decisions():
    schedules.ensure()
    row = PeriodicTask.objects.get(task=tasks.watch.name)
    assert (row.interval.every, row.interval.period) == (1, "minutes")
    assert settings.CELERY_TASK_ROUTES["pipelines.tasks.*"] == {"queue": "critical"}


def test_minutes_are_kept_for_35_days(tidy):
    for days in (34, 36, 40):
        builders.minutes(NOW - timedelta(days=days), number=1)
    assert retention.every()["platform-minutes"].count(NOW) == 2
    assert tidy("platform-minutes") == {"platform_minutes_deleted": 2}
    assert PlatformMinute.objects.count() == 1


def test_what_ended_is_found_by_indexes(run):
    yesterday = MINUTE - timedelta(days=1)
    Step.objects.bulk_create(
        Step(run=run, name=str(number), status=Status.SUCCEEDED, finished_at=yesterday)
        for number in range(1000)
    )
    asked = []
    with connection.execute_wrapper(lambda execute, *query: asked.append(query[:2]) or execute(*query)):
        watching.counted(MINUTE, MINUTE + timedelta(minutes=1))
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"ANALYZE {Step._meta.db_table}; SET LOCAL enable_seqscan = off")
        plans = "".join(plan(cursor, *query) for query in asked)
    assert {name for name in ("step_by_end", "step_retried", "run_by_end") if name not in plans} == set()


def plan(cursor, sql, parameters):
    cursor.execute(f"EXPLAIN {sql}", parameters)
    return "\n".join(line for (line,) in cursor.fetchall())


# --- Alerts ----------------------------------------------------------------------------------
def opened():
    return dict(Alert.objects.unresolved().values_list("key", "severity"))


def _failing(run):
    """One of five attempts failed in each of five minutes."""
    for back in range(5):
        for count in range(5):
            failed = Status.FAILED if count == 0 else Status.SUCCEEDED
            step(failed, at(count, MINUTE - timedelta(minutes=back)), run=run)


def test_errors_open_an_alert_and_five_calm_minutes_resolve_it(run, now):
    _failing(run)
    builders.minutes(MINUTE - timedelta(minutes=5), number=1)
    watching.watch()
    alert = Alert.objects.get()
    assert opened() == {"errors:rate": "error"}
    assert alert.body.startswith("5 of 25 attempts failed since 06:25 UTC.")
    for calm in range(1, 6):
        assert opened() == {"errors:rate": "error"}
        step(ended_at=at(0, MINUTE + timedelta(minutes=calm)), run=run)
        now(NOW + timedelta(minutes=calm))
        watching.watch()
    assert opened() == {}


def test_a_single_failure_is_no_error_rate(run):
    step(Status.FAILED, at(1), run=run)
    watching.watch()
    assert opened() == {}


def test_busy_machines_open_an_alert_and_add_a_worker():
    builders.minutes(MINUTE, cpu_percent=90.0, number=9)
    builders.worker(cpu_percent=88.5, seen_at=NOW)
    watching.watch()
    assert opened() == {"cpu:workers": "warning"}
    assert "88.5 %" in Alert.objects.get().body
    row = Capacity.objects.get()
    assert (row.extra_workers, row.changed_at) == (1, NOW)
    assert row.reason == "CPU above 80 % for 10 minutes (now 88.5 %)"


def test_machines_at_ease_resolve_the_alert_and_give_the_worker_back():
    builders.alert("cpu:workers")
    Capacity.objects.create(extra_workers=2, changed_at=NOW - timedelta(minutes=10))
    builders.minutes(MINUTE, cpu_percent=40.0, number=9)
    builders.worker(cpu_percent=40.0, seen_at=NOW)
    watching.watch()
    assert (opened(), Capacity.objects.get().extra_workers) == ({}, 1)


def test_a_worker_more_at_most_every_ten_minutes_and_five_in_all(now):
    minutes = []
    for minute in range(80):
        moment = NOW + timedelta(minutes=minute)
        now(moment)
        builders.worker(f"w{minute}@host", cpu_percent=95.0, seen_at=moment)
        watching.watch()
        minutes.append(sum(Capacity.objects.values_list("extra_workers", flat=True)))
    changes = [minute for minute in range(1, 80) if minutes[minute] != minutes[minute - 1]]
    assert (changes, minutes[-1]) == ([9, 19, 29, 39, 49], 5)


def test_minutes_that_nobody_told_of_change_nothing():
    changed_at = NOW - timedelta(hours=1)
    Capacity.objects.create(extra_workers=2, changed_at=changed_at)
    builders.minutes(MINUTE, number=9)
    watching.watch()
    row = Capacity.objects.get()
    assert (row.extra_workers, row.changed_at) == (2, changed_at)


def test_of_two_that_decide_at_once_one_adds_a_worker():
    builders.minutes(MINUTE + timedelta(minutes=1), cpu_percent=90.0)
    minutes = watching.latest(NOW, watching.LOOK_BACK)
    changes = in_threads(4, lambda: watching.scale(minutes, NOW))
    assert (len([change for change in changes if change]), Capacity.objects.get().extra_workers) == (1, 1)


def test_a_change_is_logged_with_its_reason(caplog):
    builders.minutes(MINUTE + timedelta(minutes=1), cpu_percent=90.0)
    with caplog.at_level("INFO"):
        watching.scale(watching.latest(NOW, watching.LOOK_BACK), NOW)
    assert "extra workers: 0 to 1: CPU above 80 % for 10 minutes (now 90.0 %)" in caplog.text
