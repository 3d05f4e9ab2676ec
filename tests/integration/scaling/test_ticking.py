"""The two ticks: beat's rows, one message a shard, nothing twice, and what is told when they are late."""

from datetime import UTC, datetime, timedelta

import pytest
from django_celery_beat.models import PeriodicTask
from prometheus_client import CollectorRegistry, generate_latest

from alerts.models import Alert
from cloudintel_project.celery import app
from pipelines import messages
from pipelines.models import Tick
from scaling import tasks, ticking
from scaling.metrics import ScalingCollector
from scaling.models import ManagedSample, ScalingDecision
from scaling.services import acting, deciding, lateness, mock
from scaling.ticking import DECIDE, MEASURE, SHARDS
from tests import builders

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 3, 20, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@pytest.fixture(autouse=True)
def _noon(now):
    now(NOON)
    PeriodicTask.objects.filter(task__startswith="scaling.").update(start_time=NOON)


@pytest.fixture
def ordered(monkeypatch):
    """What was ordered: task, slot, shard."""
    orders = []

    def order(task, *arguments, queue, expires_s):
        assert queue == "critical"
        orders.append((task, *arguments, expires_s))
        return True

    monkeypatch.setattr(messages, "order", order)
    return orders


def work_off(ordered):
    """Do what was ordered, as workers would."""
    while ordered:
        task, slot, shard, _ = ordered.pop(0)
        getattr(tasks, task.rpartition(".")[2])(slot, shard)


# --- Beat ------------------------------------------------------------------------------------
def test_beat_has_a_row_for_each_tick():
    rows = PeriodicTask.objects.filter(task__in=[MEASURE.task, DECIDE.task]).order_by("task")
    assert [
        (row.task, row.name, row.interval.every, row.interval.period, row.expire_seconds) for row in rows
    ] == [
        ("scaling.tasks.decide", "Decide about scaling", 15, "seconds", 15),
        ("scaling.tasks.measure", "Measure managed instances", 30, "seconds", 30),
    ]


def test_rows_that_are_there_stay_as_they_were_edited():
    PeriodicTask.objects.filter(task=DECIDE.task).update(enabled=False)
    ticking.ensure()
    assert PeriodicTask.objects.get(task=DECIDE.task).enabled is False


def test_all_tasks_go_to_the_worker_that_is_kept_free():
    for name in ("measure", "measure_shard", "decide", "decide_shard"):
        assert app.tasks[f"scaling.tasks.{name}"]
        assert app.amqp.router.route({}, f"scaling.tasks.{name}")["queue"].name == "critical"


# --- Once ------------------------------------------------------------------------------------
def test_a_tick_orders_each_shard_of_its_slot_once(ordered, now):
    now(NOON + 7 * SECOND)
    tasks.decide()
    tasks.decide()
    assert ordered == [
        ("scaling.tasks.decide_shard", "2026-03-20T12:00:00+00:00", shard, 15.0) for shard in range(SHARDS)
    ]


def test_measured_and_decided_are_all_that_are_monitored(ordered, now):
    for _ in range(9):
        builders.managed()
    tasks.measure()
    tasks.decide()
    work_off(ordered)
    assert ManagedSample.objects.filter(timestamp=NOON).count() == 9
    assert ScalingDecision.objects.filter(slot=NOON).count() == 9


@pytest.mark.parametrize("late", [timedelta(0), -15 * SECOND], ids=["a copy", "an older slot"])
def test_a_message_that_comes_twice_or_late_does_nothing(late, monkeypatch):
    decided = []
    monkeypatch.setattr(deciding, "decide", lambda slot, shard, shards: decided.append((slot, shard, shards)))
    tasks.decide_shard(NOON.isoformat(), 3)
    tasks.decide_shard((NOON + late).isoformat(), 3)
    assert decided == [(NOON, 3, SHARDS)]


def test_an_action_whose_run_was_lost_is_taken_up_with_the_next_samples(ordered, monkeypatch):
    resumed = []
    monkeypatch.setattr(acting, "resume_forgotten", lambda: resumed.append(1))
    tasks.measure()
    tasks.measure()
    assert resumed == [1]


def test_slots_are_those_of_the_databases_clock(ordered, now, monkeypatch):
    now(NOON + 7 * SECOND)
    monkeypatch.setattr("django.utils.timezone.now", lambda: NOON + 3600 * SECOND)
    tasks.measure()
    tasks.decide()
    assert {slot for _, slot, _, _ in ordered} == {NOON.isoformat()}


def test_shards_that_were_done_ahead_of_time_are_done_again_in_time(now, monkeypatch):
    decided = []
    monkeypatch.setattr(deciding, "decide", lambda slot, shard, shards: decided.append(slot))
    tasks.decide_shard((NOON + 3600 * SECOND).isoformat(), 0)
    tasks.decide_shard(NOON.isoformat(), 0)
    assert decided == [NOON + 3600 * SECOND, NOON]
    assert Tick.objects.get(name="decided/0").slot == NOON


# --- Late ------------------------------------------------------------------------------------
def lag_s(rhythm, seconds):
    return rhythm.lag(NOON + seconds * SECOND).total_seconds()


def test_a_tick_is_late_from_when_its_next_slot_was_to_be_done(ordered):
    assert lag_s(DECIDE, 15) == 0
    assert lag_s(DECIDE, 60) == 45
    for shard in range(SHARDS):
        tasks.decide_shard((NOON + 60 * SECOND).isoformat(), shard)
    assert lag_s(DECIDE, 75) == 0
    assert lag_s(DECIDE, 85) == 10


def test_a_slot_that_is_still_to_come_does_not_count_as_done():
    for shard in range(SHARDS):
        tasks.decide_shard((NOON + 3600 * SECOND).isoformat(), shard)
    assert lag_s(DECIDE, 60) == 45


def test_it_is_as_late_as_its_last_shard():
    for shard in range(1, SHARDS):
        tasks.decide_shard((NOON + 60 * SECOND).isoformat(), shard)
    assert lag_s(DECIDE, 75) == 60


def test_a_shard_that_fails_is_late_and_tried_again_at_the_next_slot(monkeypatch):
    monkeypatch.setattr(mock, "measure", lambda *shard: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        tasks.measure_shard(NOON.isoformat(), 0)
    monkeypatch.setattr(mock, "measure", lambda *shard: None)
    assert not Tick.objects.filter(name="measured/0").exists()
    tasks.measure_shard((NOON + 30 * SECOND).isoformat(), 0)
    assert Tick.objects.get(name="measured/0").slot == NOON + 30 * SECOND


def test_what_nobody_sends_is_not_late():
    PeriodicTask.objects.filter(task=DECIDE.task).update(enabled=False)
    assert lag_s(DECIDE, 600) == 0


def alert_at(seconds):
    lateness.look(NOON + seconds * SECOND)
    return Alert.objects.unresolved().filter(key=lateness.KEY).first()


def look_until(seconds, since=0):
    """Look each 30 seconds; return the alert of the last time."""
    return [alert_at(moment) for moment in range(since, seconds + 1, 30)][-1]


def test_an_alert_tells_that_decisions_are_late_until_they_come_again():
    builders.managed()
    assert look_until(120) is None
    assert alert_at(135) is None
    alert = alert_at(136)
    assert "for 2 minutes" in alert.body
    assert alert_at(190) == alert
    for shard in range(SHARDS):
        tasks.decide_shard((NOON + 195 * SECOND).isoformat(), shard)
    assert alert_at(210) is None


def test_decisions_that_a_downtime_kept_away_are_no_alarm():
    builders.managed()
    assert look_until(60) is None
    assert look_until(720, since=600) is None
    for shard in range(SHARDS):
        tasks.decide_shard((NOON + 720 * SECOND).isoformat(), shard)
    assert alert_at(750) is None


def test_decisions_that_do_not_come_after_a_downtime_are_told_within_minutes():
    builders.managed()
    assert look_until(720, since=600) is None
    assert "for 12 minutes" in alert_at(750).body


def test_an_alert_outlasts_a_downtime_until_decisions_come():
    builders.managed()
    alert = look_until(150)
    assert alert is not None
    assert alert_at(600) == alert
    for shard in range(SHARDS):
        tasks.decide_shard((NOON + 600 * SECOND).isoformat(), shard)
    assert alert_at(630) is None


def test_late_decisions_are_nobodys_trouble_while_nothing_is_monitored():
    builders.managed(is_monitoring=False)
    assert look_until(600) is None


def test_prometheus_is_told_of_lags_and_decisions(now):
    registry = CollectorRegistry()
    registry.register(ScalingCollector())
    builders.managed()
    builders.managed(inventory=builders.instance())
    deciding.decide(NOON, 0, 1)
    now(NOON + 60 * SECOND)
    lines = generate_latest(registry).decode().splitlines()
    assert 'cloudintel_scaling_lag_seconds{tick="decide"} 45.0' in lines
    assert 'cloudintel_scaling_lag_seconds{tick="measure"} 30.0' in lines
    assert 'cloudintel_monitored_instances{kind="mock"} 1.0' in lines
    assert 'cloudintel_monitored_instances{kind="real"} 1.0' in lines
    assert 'cloudintel_scaling_decisions{decision="no_action",outcome="none"} 2.0' in lines
