"""Old runs are deleted with their steps; what anybody looks back to stays."""

from datetime import timedelta
from decimal import Decimal
from importlib import import_module

import pytest
from django.apps import apps
from django.db import connection
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from alerts import services as alerts
from alerts.models import Alert, Severity
from core.errors import LeaseLostError
from core.sessions import AUTOMATION
from pipelines import retention, schedules, upkeep
from pipelines.models import PastTotals, Run, Status, Step, Trigger
from pipelines.registry import Counts
from pipelines.retention import Retention
from tests import builders

GONE = import_module("pipelines.migrations.0009_no_schedules_of_upkeep")

pytestmark = pytest.mark.django_db(transaction=True)


def ago(days):
    return timezone.now() - timedelta(days=days)


def ended(pipeline="ec2", *, days=91, steps=0, **fields):
    """A run that ended so many days ago."""
    run = builders.run(pipeline, **{"finished_at": ago(days), **fields})
    for number in range(steps):
        builders.step(run, f"step {number}")
    return run


def left(pipeline="ec2"):
    return set(Run.objects.filter(pipeline=pipeline))


def test_deletes_runs_that_ended_longer_ago_than_they_are_kept_with_their_steps(tidy):
    ended(days=91, steps=3)
    kept = ended(days=89, steps=2)
    last = ended(days=1)
    assert tidy("runs") == {"runs_deleted": 1, "steps_deleted": 3}
    assert left() == {kept, last}
    assert Step.objects.filter(run=kept).count() == 2


def test_keeps_runs_for_as_many_days_as_the_setting_says(tidy, settings):
    settings.RUN_RETENTION_DAYS = 5
    ended(days=6)
    kept = {ended(days=4), ended(days=1)}
    tidy("runs")
    assert left() == kept


def test_keeps_the_last_run_of_each_pipeline_and_scope(tidy):
    ended("ec2", scope="all")
    kept = {ended("ec2", scope="all"), ended("ec2", scope="one")}
    tidy("runs")
    assert left("ec2") == kept


def test_keeps_the_last_slot_of_a_schedule_behind_later_runs_by_hand(tidy):
    ended(trigger=Trigger.SCHEDULE)
    slot = ended(trigger=Trigger.SCHEDULE)
    ended(trigger=Trigger.MANUAL)
    last = ended(trigger=Trigger.MANUAL)
    tidy("runs")
    assert left() == {slot, last}


def test_keeps_what_is_still_active(tidy):
    waiting = builders.run("ec2", Status.QUEUED, created_at=ago(200))
    last = ended("ec2", scope="one")
    tidy("runs")
    assert left() == {waiting, last}


def test_deletes_a_family_as_a_whole(tidy):
    old = ended("daily", trigger=Trigger.SCHEDULE)
    ended("ec2", parent=old, steps=2, trigger=Trigger.SCHEDULE)
    last = ended("daily", trigger=Trigger.SCHEDULE)
    child = ended("ec2", parent=last, trigger=Trigger.SCHEDULE)
    assert tidy("runs") == {"runs_deleted": 2, "steps_deleted": 2}
    assert (left("daily"), left("ec2")) == ({last}, {child})


def test_keeps_a_family_of_which_one_is_the_last_of_its_pipeline(tidy):
    family = ended("daily")
    ec2, cost = ended("ec2", parent=family), ended("cost", parent=family)
    skipped, last_cost = ended("daily", status=Status.SKIPPED), ended("cost")
    tidy("runs")
    assert left("daily") == {family, skipped}
    assert (left("ec2"), left("cost")) == ({ec2}, {cost, last_cost})


def test_keeps_a_family_of_which_one_is_active(tidy):
    family = ended("daily")
    child = builders.run("ec2", Status.RUNNING, parent=family, scope="one")
    last = ended("daily")
    tidy("runs")
    assert (left("daily"), left("ec2")) == ({family, last}, {child})


def test_takes_as_many_batches_as_it_needs(tidy, monkeypatch):
    monkeypatch.setattr(upkeep, "MOST_RUNS", 2)
    monkeypatch.setattr(upkeep, "MOST_STEPS", 3)
    for _ in range(5):
        ended(steps=4)
    last = ended()
    assert tidy("runs") == {"runs_deleted": 5, "steps_deleted": 20}
    assert left() == {last}


def test_keeps_what_deleted_runs_came_to(tidy):
    spent = {"attempt": 1, "step_attempts": 4, "lost_workers": 2, "aws_calls": 7}
    for _ in range(2):
        ended(aws_cost_usd=Decimal("0.01"), **spent)
    ended()
    tidy("runs")
    totals = PastTotals.objects.get()
    assert (totals.pipeline, totals.attempts, totals.takeovers) == ("ec2", 2 * (1 + 4), 2 * 2)
    assert (totals.calls, totals.usd) == (2 * 7, Decimal("0.02"))


def test_adds_to_what_runs_deleted_earlier_came_to(tidy):
    PastTotals.objects.create(pipeline="ec2", calls=100)
    ended(aws_calls=7)
    ended()
    tidy("runs")
    assert PastTotals.objects.get().calls == 100 + 7


def test_counts_what_it_would_delete():
    old = ended("daily", trigger=Trigger.SCHEDULE)
    ended("ec2", parent=old, trigger=Trigger.SCHEDULE)
    ended("daily", trigger=Trigger.SCHEDULE)
    ended("ec2", trigger=Trigger.SCHEDULE)
    assert retention.every()["runs"].count(timezone.now()) == 2
    assert Run.objects.count() == 4


def test_deletes_nothing_once_its_lease_is_lost(claimed):
    ended(steps=1)
    ended()
    Step.objects.filter(pk=claimed.work.pk).update(fence=99)
    with pytest.raises(LeaseLostError):
        retention.clean(claimed, retention.every()["runs"], timezone.now())
    assert Step.objects.filter(run__pipeline="ec2").count() == 1


def test_the_session_that_deletes_says_meanwhile_that_nobody_waits_for_it(claimed):
    names = []

    def batches(_now):
        names.append(named())
        yield Counts(rows_deleted=1)

    before = named()
    retention.clean(claimed, Retention(name="x", title="", count=lambda _now: 1, batches=batches), ago(0))
    assert (names, named()) == ([AUTOMATION], before)
    assert before != AUTOMATION


def named():
    with connection.cursor() as cursor:
        cursor.execute("SHOW application_name")
        return cursor.fetchone()[0]


def test_goes_on_where_a_run_that_was_killed_stopped(tidy, monkeypatch):
    monkeypatch.setattr(upkeep, "MOST_STEPS", 3)
    for _ in range(2):
        ended(steps=4)
    last = ended()
    batches = retention.every()["runs"].batches(timezone.now())
    assert next(batches)["steps_deleted"] == 3
    assert tidy("runs") == {"runs_deleted": 2, "steps_deleted": 8 - 3}
    assert left() == {last}


def test_the_schedules_of_the_former_pipelines_are_deleted_and_no_others():
    every = IntervalSchedule.objects.create(every=1, period="days")
    for number, kwargs in enumerate(('{"pipeline":"upkeep"}', '{ "pipeline": "scaling-upkeep" }', "no JSON")):
        PeriodicTask.objects.create(name=str(number), task=schedules.START, kwargs=kwargs, interval=every)
    before = PeriodicTask.objects.count()
    GONE.delete(apps, None)
    assert PeriodicTask.objects.count() == before - 2
    assert PeriodicTask.objects.filter(name="2").exists()


def test_runs_of_the_former_pipelines_end_and_their_alerts_are_resolved_and_no_others():
    waiting, done = builders.run("upkeep", Status.QUEUED), builders.run("upkeep", scope="done")
    begun, other = builders.run("scaling-upkeep", Status.RUNNING), builders.run("ec2", Status.RUNNING)
    for run in (begun, other):
        builders.step(run, "clean", status=Status.RUNNING)
    for key in ("run:upkeep:all", "run:scaling-upkeep:all", "run:ec2:all"):
        alerts.open(key, severity=Severity.ERROR, title="It failed", body="", source="test")
    GONE.end(apps, None)
    GONE.resolve(apps, None)
    for run, status in ((waiting, "skipped"), (begun, "skipped"), (done, "succeeded"), (other, "running")):
        run.refresh_from_db()
        assert (run.status, run.finished_at is None) == (status, run is other), run
    assert "no such pipeline" in waiting.error
    assert [run.steps.get().status for run in (begun, other)] == ["skipped", "running"]
    assert [each.key for each in Alert.objects.unresolved()] == ["run:ec2:all"]
