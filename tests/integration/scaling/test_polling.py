"""Real instances are read as often as they publish, once, from a budget of their own, without gaps."""

import threading
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from botocore.httpsession import URLLib3Session
from botocore.retries.standard import ExponentialBackoff
from django.db import connection
from django.utils import timezone

from alerts.models import Alert
from collectors.models import AwsSpend, CloudAccount, Instance, MetricSample, MetricSeries, Purpose
from collectors.services import rates
from collectors.services.rates import PUBLISHED, Rate
from core.errors import NotYetError
from pipelines import messages
from pipelines.models import Run
from scaling import tasks
from scaling.models import ManagedInstance, ManagedSample, ScalingPolicy, Source
from scaling.services import arrivals, polling
from tests import builders
from tests.integration.cloudwatch import CloudWatch, queries

pytestmark = pytest.mark.django_db(transaction=True)
NOON = datetime(2026, 3, 20, 12, tzinfo=UTC)
SETTLED = timedelta(seconds=150)
NOW = NOON + SETTLED + timedelta(seconds=10)
MINUTE, FIVE, HOUR = timedelta(minutes=1), timedelta(minutes=5), timedelta(hours=1)


@pytest.fixture
def watch(monkeypatch, now):
    now(NOW)
    double = CloudWatch()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLEEXAMPLE12")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setattr(URLLib3Session, "send", lambda self, request: double.send(request))
    monkeypatch.setattr(ExponentialBackoff, "delay_amount", lambda self, context: 0)
    return double


@pytest.fixture
def ordered(monkeypatch):
    """The messages that wait for a worker: arguments of the task."""
    orders = []

    def order(task, *arguments, queue, expires_s):
        assert (task, queue) == (polling.TASK, "readings")
        assert expires_s > 0
        orders.append(arguments)
        return True

    monkeypatch.setattr(messages, "order", order)
    return orders


@pytest.fixture
def tick(now, ordered):
    """Let a moment come, and its tick; workers do at once what it orders."""

    def at(moment=NOW):
        now(moment)
        polling.start(moment)
        while ordered:
            tasks.read_metrics(*ordered.pop(0))

    return at


@pytest.fixture
def owner():
    return builders.user("viewer")


@pytest.fixture
def account():
    return builders.account("123456789012")


@pytest.fixture
def monitor(account, owner):
    """Monitor instances that run: `monitor(3)`, `monitor(detailed_monitoring=True)`; `managed` is ours."""

    def instances(number=1, *, managed=None, policy=None, **values):
        first = Instance.objects.count()
        found = Instance.objects.bulk_create(
            Instance(
                **{
                    "account": account,
                    "region": "eu-west-1",
                    "instance_id": f"i-{first + place:017x}",
                    "instance_type": "m5.large",
                    "state": "running",
                    "first_seen": NOW,
                    "last_seen": NOW,
                    **values,
                }
            )
            for place in range(number)
        )
        ours = ManagedInstance.objects.bulk_create(
            ManagedInstance(
                **{
                    "owner": owner,
                    "instance_id": one.instance_id,
                    "instance_type": one.instance_type,
                    "region": one.region,
                    "inventory": one,
                    "is_monitoring": True,
                    **(managed or {}),
                }
            )
            for one in found
        )
        ScalingPolicy.objects.bulk_create(ScalingPolicy(instance=one, **(policy or {})) for one in ours)
        with connection.cursor() as cursor:  # as autovacuum does; those of empty tables lead astray
            for model in (Instance, ManagedInstance, ScalingPolicy):
                cursor.execute(f"ANALYZE {model._meta.db_table}")
        return ours

    return instances


def windows(watch):
    return [
        (datetime.fromtimestamp(one["StartTime"], UTC), datetime.fromtimestamp(one["EndTime"], UTC))
        for one in watch.questions
    ]


def moments(instance):
    """When the stored samples of an instance begin."""
    of_it = ManagedSample.objects.filter(instance=instance).order_by("timestamp")
    return list(of_it.values_list("timestamp", flat=True))


def every(period, first, end):
    return [first + number * period for number in range((end - first) // period)]


def next_reading(instance):
    return ManagedInstance.objects.get(pk=instance.pk).next_reading_at


# --- What is due -----------------------------------------------------------------------------
@pytest.mark.parametrize(("instances", "calls"), [(1, 1), (166, 1), (167, 2), (500, 3), (501, 4), (1200, 8)])
def test_asks_three_metrics_of_each_instance_in_as_few_calls_as_there_can_be(
    watch, tick, monitor, instances, calls
):
    monitor(instances)
    tick()
    assert len(watch.questions) == calls == -(-3 * instances // 500)
    assert sum(len(queries(one)) for one in watch.questions) == 3 * instances
    assert ManagedSample.objects.count() == 12 * instances
    assert not Run.objects.exists(), "short ticks do not fill the ledger"


def test_a_batch_is_of_one_account_region_and_period(watch, monitor):
    other = builders.account("210987654321")
    groups = [
        monitor(2),
        monitor(1, region="us-east-1"),
        monitor(1, account=other),
        monitor(2, detailed_monitoring=True),
        monitor(1, policy={"source_period_s": 60}),
        monitor(1, policy={"source_period_s": 10}),
    ]
    keys = [[one.pk for one in group] for group in groups]
    found = {(tuple(batch.ids), batch.period_s) for batch in polling.due(NOW)}
    assert found == {
        (tuple(keys[0]), 300),
        (tuple(keys[1]), 300),
        (tuple(keys[2]), 300),
        (tuple(keys[3] + keys[4]), 60),
        (tuple(keys[5]), 10),
    }


@pytest.mark.parametrize(
    "values",
    [
        pytest.param({"state": "stopped"}, id="stopped"),
        pytest.param({"gone_at": NOW}, id="gone"),
        pytest.param({"managed": {"is_monitoring": False}}, id="not monitored"),
        pytest.param({"managed": {"is_mock": True}}, id="mock"),
        pytest.param({"managed": {"inventory": None}}, id="never found"),
        pytest.param({"managed": {"region": "us-east-1"}}, id="found elsewhere"),
    ],
)
def test_does_not_read(watch, tick, monitor, values):
    monitor(**values)
    tick()
    assert watch.questions == []


def test_does_not_read_a_disabled_account(watch, tick, monitor):
    monitor()
    CloudAccount.objects.update(enabled=False)
    tick()
    assert watch.questions == []


@pytest.mark.parametrize(("role", "calls"), [(None, 0), ("viewer", 1), ("operator", 1), ("administrator", 1)])
def test_reads_for_those_who_may_see_the_estate(watch, tick, monitor, role, calls):
    monitor(managed={"owner": builders.user(role)})
    tick()
    assert len(watch.questions) == calls


def test_does_not_read_for_a_user_who_is_locked_out(watch, tick, monitor, owner):
    monitor()
    owner.is_active = False
    owner.save()
    tick()
    assert watch.questions == []


def test_without_the_broker_the_tick_ends_in_peace(watch, monitor, monkeypatch):
    monitor(1)
    monitor(1, region="us-east-1")
    asked = []
    monkeypatch.setattr(messages, "order", lambda *order, **_options: asked.append(order))
    polling.start(NOW)
    assert len(asked) == 1


# --- How often -------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("values", "readings"),
    [
        pytest.param({}, 2, id="five minutes"),
        pytest.param({"detailed_monitoring": True}, 10, id="detailed"),
        pytest.param({"policy": {"source_period_s": 300}, "detailed_monitoring": True}, 2, id="as told"),
        pytest.param({"policy": {"source_period_s": 30}}, 20, id="30 s"),
        pytest.param({"policy": {"source_period_s": 10}}, 20, id="10 s"),
    ],
)
def test_in_ten_minutes_of_ticks_reads_as_often_as_the_source_publishes(
    watch, tick, monitor, values, readings
):
    [instance] = monitor(**values)
    for number in range(20):
        tick(NOON + SETTLED + number * timedelta(seconds=30))
    assert len(watch.questions) == readings
    found = moments(instance)
    assert found == every(found[1] - found[0], found[0], found[-1]) + found[-1:], "no gap"


def test_reads_as_soon_as_a_period_has_settled(watch, tick, monitor):
    [slow], [fast] = monitor(), monitor(detailed_monitoring=True)
    tick()
    assert next_reading(slow) == NOON + FIVE + SETTLED
    assert next_reading(fast) == NOON + MINUTE + SETTLED


def test_the_newest_sample_is_read_before_the_one_before_is_stale(watch, tick, monitor):
    """A sample is stale two periods and three minutes after it began."""
    [instance] = monitor()
    tick()
    assert next_reading(instance) - moments(instance)[-1] < 2 * FIVE + 3 * MINUTE


@pytest.mark.parametrize("period_s", [10, 30, 60, 300])
def test_asks_by_the_source_s_period(watch, tick, monitor, period_s):
    monitor(policy={"source_period_s": period_s})
    tick()
    assert {query["MetricStat"]["Period"] for query in queries(watch.questions[0])} == {period_s}


# --- Once ------------------------------------------------------------------------------------
def test_a_message_that_comes_twice_is_paid_for_once(watch, monitor, ordered):
    monitor(2)
    polling.start(NOW)
    polling.start(NOW)
    assert len(ordered) == 2
    for order in ordered:
        tasks.read_metrics(*order)
    assert len(watch.questions) == 1
    assert AwsSpend.objects.get().amount_usd == 6 * Decimal("0.00001")


def test_two_workers_at_once_read_once(watch, monitor, ordered):
    keys = {one.pk for one in monitor(300)}
    polling.start(NOW)
    batch, both = ordered.pop(), threading.Barrier(2)

    def work(ids):
        both.wait()
        tasks.read_metrics(ids, batch[1])
        connection.close()

    threads = [threading.Thread(target=work, args=[ids]) for ids in (batch[0], batch[0][::-1])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(len(queries(one)) for one in watch.questions) == 900
    assert set(ManagedSample.objects.values_list("instance", flat=True)) == keys


def test_of_a_batch_only_what_is_still_due_is_read(watch, monitor, ordered):
    late, _ = monitor(2)
    polling.start(NOW)
    ManagedInstance.objects.filter(pk=late.pk).update(next_reading_at=NOW + FIVE)
    tasks.read_metrics(*ordered.pop())
    assert len(queries(watch.questions[0])) == 3


def test_what_is_not_monitored_any_more_is_not_read(watch, monitor, ordered):
    monitor()
    polling.start(NOW)
    ManagedInstance.objects.update(is_monitoring=False)
    tasks.read_metrics(*ordered.pop())
    assert watch.questions == []


def test_what_was_deleted_meanwhile_leaves_no_samples(watch, tick, monitor):
    monitor()
    watch.value = lambda *asked: ManagedInstance.objects.all().delete() and 10.0
    tick()
    assert not ManagedSample.objects.exists()


def test_an_earlier_reading_that_ends_later_changes_nothing(watch, tick, monitor):
    [instance] = monitor()

    def overtaken(*asked):
        ManagedInstance.objects.update(read_through=NOON + HOUR)
        return 10.0

    watch.value = overtaken
    tick()
    instance.refresh_from_db()
    assert (instance.read_through, moments(instance)) == (NOON + HOUR, [])


# --- No gaps ---------------------------------------------------------------------------------
def test_reads_the_last_hour_at_first_and_then_goes_on(watch, tick, monitor):
    [instance] = monitor()
    tick()
    tick(NOW + FIVE)
    assert windows(watch) == [(NOON - HOUR, NOON), (NOON - 2 * FIVE, NOON + FIVE)]
    assert moments(instance) == every(FIVE, NOON - HOUR, NOON + FIVE)


def test_a_worker_killed_between_answer_and_samples_costs_a_period_and_no_data(
    watch, tick, monitor, monkeypatch
):
    [instance] = monitor(detailed_monitoring=True)
    tick()

    class Killed(BaseException):
        pass

    def killed(_samples):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(arrivals, "record", killed)
        with pytest.raises(Killed):
            tick(NOW + MINUTE)
    tick(NOW + MINUTE)
    assert len(watch.questions) == 2, "claimed is claimed"
    tick(NOW + 2 * MINUTE)
    assert moments(instance) == every(MINUTE, NOON - HOUR, NOON + 2 * MINUTE)


def test_a_point_that_comes_late_is_picked_up(watch, tick, monitor):
    [instance] = monitor()
    late = NOON - FIVE
    watch.value = lambda metric, instance_id, moment: None if moment == late else 10.0
    tick()
    assert late not in moments(instance)
    watch.value = lambda metric, instance_id, moment: 10.0
    tick(NOW + FIVE)
    assert late in moments(instance)


@pytest.mark.parametrize(
    ("late_s", "calls"), [pytest.param(20, 2, id="comes soon"), pytest.param(200, 2, id="comes later")]
)
def test_a_point_that_is_late_is_asked_once_more_at_the_next_tick(watch, tick, monitor, late_s, calls):
    """A sample is stale three minutes after two periods: the next period would be too late."""
    [instance] = monitor()
    come = NOON + SETTLED + timedelta(seconds=late_s)
    newest = NOON - FIVE
    watch.value = lambda metric, instance_id, at: None if at == newest and timezone.now() < come else 10.0
    for number in range(10):
        tick(NOON + SETTLED + number * timedelta(seconds=30))
    assert len(watch.questions) == calls
    assert (newest in moments(instance)) == (late_s < 30)
    tick(NOON + SETTLED + FIVE)
    assert newest in moments(instance)


def test_what_has_been_silent_is_not_asked_again(watch, tick, monitor):
    monitor()
    watch.value = lambda metric, instance_id, moment: None if moment >= NOON - 2 * FIVE else 10.0
    tick(NOON + SETTLED)
    tick(NOON + SETTLED + timedelta(seconds=30))
    assert len(watch.questions) == 1


def test_a_point_that_is_restated_is_replaced(watch, tick, monitor):
    monitor()
    tick()
    watch.value = lambda metric, instance_id, moment: 20.0
    tick(NOW + FIVE)
    newest = ManagedSample.objects.order_by("-timestamp")[:4]
    assert [sample.cpu for sample in newest] == [20.0, 20.0, 20.0, 10.0]


@pytest.mark.parametrize(
    ("period_s", "longest"),
    [(300, 201 * FIVE), (60, 201 * MINUTE), (30, 201 * MINUTE / 2), (10, 98 * MINUTE / 3)],
)
def test_catches_up_as_far_as_one_answer_reaches(watch, tick, monitor, period_s, longest):
    monitor(policy={"source_period_s": period_s})
    tick()
    tick(NOW + 2 * timedelta(days=1))
    start, end = windows(watch)[-1]
    assert end - start == longest
    assert longest.total_seconds() / period_s * 500 <= 100_800


def test_a_window_of_short_periods_begins_at_a_minute(watch, tick, monitor):
    """CloudWatch would round it down, and answer more than was asked."""
    monitor(policy={"source_period_s": 10})
    tick(NOW + timedelta(seconds=10))
    assert [start.second for start, _ in windows(watch)] == [0]


# --- Samples ---------------------------------------------------------------------------------
def test_puts_the_metrics_of_one_moment_together(watch, tick, monitor):
    _, instance = monitor(2)
    values = {"CPUUtilization": 1.0, "NetworkIn": 2000.0, "NetworkOut": 3000.0}
    watch.value = lambda metric, instance_id, moment: values[metric] + int(instance_id[2:], 16)
    tick()
    found = ManagedSample.objects.filter(instance=instance).values_list(
        "source", "cpu", "memory", "network_in", "network_out"
    )
    assert set(found) == {(Source.CLOUDWATCH, 2.0, None, 2001.0, 3001.0)}
    assert not MetricSample.objects.exists(), "the estate's samples are collected by the hour"


def test_reads_memory_where_it_is_known_to_be_published(watch, tick, monitor):
    quiet, measured = monitor(2)
    dimensions = {"InstanceId": measured.instance_id, "ImageId": "ami-1"}
    MetricSeries.objects.create(instance=measured.inventory, memory_dimensions=dimensions)
    watch.value = lambda metric, instance_id, moment: 70.0 if metric == "mem_used_percent" else 1.0
    tick()
    assert len(queries(watch.questions[0])) == 7
    assert set(ManagedSample.objects.values_list("instance", "memory")) == {
        (quiet.pk, None),
        (measured.pk, 70.0),
    }


def test_what_is_not_published_is_unknown(watch, tick, monitor):
    monitor()
    watch.value = lambda metric, instance_id, moment: 5.0 if metric == "CPUUtilization" else None
    tick()
    assert set(ManagedSample.objects.values_list("cpu", "network_in", "network_out")) == {(5.0, None, None)}


def test_an_instance_without_any_point_has_no_samples(watch, tick, monitor):
    monitor()
    watch.value = lambda metric, instance_id, moment: None
    tick()
    assert not ManagedSample.objects.exists()


# --- Dollars ---------------------------------------------------------------------------------
def test_pays_for_each_metric_from_the_autoscaler_s_budget(watch, tick, monitor, account):
    monitor(10)
    tick()
    spend = AwsSpend.objects.get()
    assert (spend.account, spend.date, spend.purpose) == (account, NOW.date(), Purpose.SCALE)
    assert spend.amount_usd == 30 * Decimal("0.00001")


def test_does_not_pay_for_a_call_that_failed(watch, tick, monitor):
    monitor()
    watch.status_of = lambda: 500
    tick()
    assert AwsSpend.objects.get().amount_usd == 0


def test_a_spent_budget_stops_the_account_s_readings_until_midnight(watch, tick, monitor, settings):
    settings.SCALING_DAILY_BUDGET_USD = Decimal("0.00035")
    instances = monitor(10) + monitor(1, region="us-east-1")
    elsewhere = monitor(1, account=builders.account("210987654321"))
    midnight = NOON + timedelta(hours=12)
    for moment in (NOW, NOW + FIVE, NOW + 6 * HOUR, midnight - MINUTE):
        tick(moment)
    # 11 instances once, then only the other account's.
    assert sum(len(queries(one)) for one in watch.questions) == 33 + 4 * 3
    [alert] = Alert.objects.unresolved()
    assert alert.key == "scaling-budget:123456789012"
    assert "Raise SCALING_DAILY_BUDGET_USD" in alert.body
    assert {next_reading(one) for one in instances} == {midnight}
    assert moments(elsewhere[0])[-1] > NOW + 6 * HOUR
    settings.SCALING_DAILY_BUDGET_USD = Decimal(1)
    tick(midnight)
    assert not Alert.objects.unresolved().exists()
    assert moments(instances[0])[-1] == midnight - 2 * FIVE


def test_a_raised_budget_counts_within_the_hour(watch, tick, monitor, settings):
    settings.SCALING_DAILY_BUDGET_USD = Decimal(0)
    [instance] = monitor()
    tick()
    settings.SCALING_DAILY_BUDGET_USD = Decimal(1)
    tick(NOW + HOUR)
    assert moments(instance)
    assert not Alert.objects.unresolved().exists()


def test_a_small_call_that_still_fits_does_not_resolve_the_alert(watch, tick, monitor, settings):
    settings.SCALING_DAILY_BUDGET_USD = Decimal("0.0003")
    monitor(10, region="us-east-1")
    monitor(1)
    tick()
    assert len(watch.questions) == 1
    assert Alert.objects.unresolved().get().key == "scaling-budget:123456789012"


# --- Refusals and failures -------------------------------------------------------------------
def test_refused_credentials_are_one_alert_and_tried_again_every_five_minutes(watch, tick, monitor):
    monitor(600, detailed_monitoring=True)
    monitor(1, region="us-east-1", detailed_monitoring=True)
    watch.status, watch.refusal = 400, "UnrecognizedClientException"
    for number in range(20):
        tick(NOW + number * timedelta(seconds=30))
    assert watch.requests == 2
    [alert] = Alert.objects.unresolved()
    assert (alert.key, alert.source, alert.count) == ("access:123456789012", "scaling", 2)


def test_readings_that_work_again_resolve_the_alert(watch, tick, monitor):
    [instance] = monitor(1, detailed_monitoring=True)
    watch.status, watch.refusal = 400, "UnrecognizedClientException"
    tick()
    watch.status = 200
    tick(NOW + FIVE)
    assert not Alert.objects.unresolved().exists()
    assert moments(instance) == every(MINUTE, NOON + FIVE - HOUR, NOON + FIVE)


def test_what_one_region_refuses_leaves_the_others_alone(watch, tick, monitor):
    [refused] = monitor(1, region="us-east-1")
    [read] = monitor(1)
    watch.silent = lambda region: region == "us-east-1"
    tick()
    tick(NOW + FIVE)
    [alert] = Alert.objects.unresolved()
    assert (alert.key, alert.count) == ("scaling-metrics:123456789012/us-east-1", 2)
    assert (moments(refused), len(moments(read))) == ([], 13)


def test_what_failed_for_now_is_tried_again_soon_and_the_rest_is_stored(watch, tick, monitor):
    instances = monitor(400)
    failing = iter([200, 500, 500, 500, 500])
    watch.status_of = lambda: next(failing, 200)
    tick()
    # The first call told 166 instances whole.
    assert ManagedSample.objects.values("instance").distinct().count() == 166
    assert next_reading(instances[165]) == NOON + FIVE + SETTLED
    assert next_reading(instances[166]) == NOW + MINUTE
    tick(NOW + MINUTE)
    assert [len(queries(one)) for one in watch.questions] == [500, 500, 202]
    assert ManagedSample.objects.count() == 400 * 12


def test_calls_that_have_to_wait_are_made_when_they_may_be(watch, tick, monitor, monkeypatch):
    monkeypatch.setattr(rates, "limits", lambda: PUBLISHED | {"GetMetricData": Rate(0.1, 1)})
    [one], [other] = monitor(1, policy={"source_period_s": 300}), monitor(1, detailed_monitoring=True)
    tick()
    assert len(watch.questions) == 1
    waiting = min(next_reading(one), next_reading(other))
    assert waiting - timezone.now() == pytest.approx(timedelta(seconds=10), abs=timedelta(seconds=1))


def test_who_waited_comes_back_with_the_same_ticket_in_whatever_batch(watch, tick, monitor, monkeypatch):
    tickets = []

    def admit(_place, ticket, **_wanted):
        tickets.append(ticket)
        if len(tickets) == 1:
            raise NotYetError(1, "GetMetricData is spent")

    monkeypatch.setattr(rates, "admit", admit)
    [first, _] = monitor(2)
    tick()
    ManagedInstance.objects.filter(pk=first.pk).update(is_monitoring=False)
    monitor(2)
    tick(NOW + timedelta(seconds=2))
    assert tickets == ["managed:123456789012:eu-west-1:300"] * 2
