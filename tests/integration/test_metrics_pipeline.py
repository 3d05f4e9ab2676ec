"""The hourly metrics: exactly as many calls as needed, from where each reading ended, each point once."""

from dataclasses import fields, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from botocore.httpsession import URLLib3Session
from botocore.retries.standard import ExponentialBackoff

from collectors.aws import ec2
from collectors.aws.ec2 import InstanceRecord
from collectors.models import (
    AwsSpend,
    CloudAccount,
    CpuMetric,
    Instance,
    MetricHour,
    MetricSample,
    MetricSeries,
)
from collectors.pipelines import register
from collectors.samples import partitions
from collectors.services import access, inventory
from pipelines import ledger, runner, schedules
from pipelines.models import Run, Status, Step, Trigger
from tests.integration.cloudwatch import CloudWatch, queries
from tests.integration.conftest import work_off

pytestmark = pytest.mark.django_db(transaction=True)
ACCOUNT = "123456789012"
NOW = datetime(2026, 3, 20, 12, 0, 10, tzinfo=UTC)
END = datetime(2026, 3, 20, 11, 55, tzinfo=UTC)
FIVE = timedelta(minutes=5)


def regions(cloud):
    """The regions in which there are instances, as EC2 would say."""
    return sorted(set(Instance.objects.values_list("region", flat=True)))


def instance_page(cloud, region, token, *, on_next):
    """A page of the stored instances, as EC2 would tell of them."""
    stored = Instance.objects.filter(region=region, gone_at=None).order_by("pk")
    first, total = int(token or 0), stored.count()
    following = str(first + 1000) if first + 1000 < total else None
    if following:
        on_next(following)
    return [record(one) for one in stored[first : first + 1000]], following


def record(instance):
    return InstanceRecord(**{field.name: getattr(instance, field.name) for field in fields(InstanceRecord)})


@pytest.fixture
def account():
    return CloudAccount.objects.create(account_id=ACCOUNT)


@pytest.fixture
def now(monkeypatch):
    def at(moment):
        monkeypatch.setattr("django.utils.timezone.now", lambda: moment)

    at(NOW)
    return at


@pytest.fixture
def watch(monkeypatch, sent, now):
    register()
    double = CloudWatch()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLEEXAMPLE12")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setattr(URLLib3Session, "send", lambda self, request: double.send(request))
    monkeypatch.setattr(ExponentialBackoff, "delay_amount", lambda self, context: 0)
    monkeypatch.setattr(access.Cloud, "account_id", lambda self: ACCOUNT)
    monkeypatch.setattr(ec2, "enabled_regions", regions)
    page = replace(inventory.KINDS["instances"], fetch=instance_page)
    monkeypatch.setitem(inventory.KINDS, "instances", page)
    return double


@pytest.fixture
def add(account):
    """Store instances: `add(3)`, `add(1, state="stopped")`; returns their rows."""

    def instances(number=1, **values):
        start = Instance.objects.count()
        return Instance.objects.bulk_create(
            Instance(
                **{
                    "account": account,
                    "region": "eu-west-1",
                    "instance_id": f"i-{start + index:017x}",
                    "instance_type": "m5.large",
                    "state": "running",
                    "first_seen": NOW,
                    "last_seen": NOW,
                    **values,
                }
            )
            for index in range(number)
        )

    return instances


def collect(trigger=Trigger.MANUAL):
    run = ledger.start("metrics", trigger=trigger)
    work_off(run)
    return Run.objects.get(pk=run.pk)


def stored(run):
    """How many samples a run created, updated and found unchanged."""
    return [run.counts[name] for name in ("created", "updated", "unchanged")]


def windows(watch):
    return [
        (datetime.fromtimestamp(one["StartTime"], UTC), datetime.fromtimestamp(one["EndTime"], UTC))
        for one in watch.questions
    ]


# --- Calls -----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("instances", "calls"), [(1, 1), (166, 1), (167, 2), (500, 3), (1000, 6), (1001, 7), (1500, 9)]
)
def test_asks_three_metrics_of_each_instance_in_as_few_calls_as_there_can_be(add, watch, instances, calls):
    add(instances)
    run = collect()
    assert (run.status, len(watch.questions)) == (Status.SUCCEEDED, calls)
    assert calls == -(-3 * instances // 500)
    assert sum(len(queries(one)) for one in watch.questions) == 3 * instances
    assert run.aws_calls == calls + 1  # and ListMetrics


def test_asks_the_average_cpu_and_the_sums_of_bytes_every_five_minutes(add, watch):
    add()
    collect()
    asked = [query["MetricStat"] for query in queries(watch.questions[0])]
    assert [(one["Metric"]["MetricName"], one["Stat"], one["Period"]) for one in asked] == [
        ("CPUUtilization", "Average", 300),
        ("NetworkIn", "Sum", 300),
        ("NetworkOut", "Sum", 300),
    ]


def test_pays_for_each_metric(add, watch, account):
    add(10)
    run = collect()
    assert run.aws_cost_usd == 30 * Decimal("0.00001") + Decimal("0.00001")
    assert AwsSpend.objects.get(account=account).amount_usd == run.aws_cost_usd


def test_a_scheduled_run_keeps_to_the_budget(add, watch, settings):
    settings.AWS_DAILY_BUDGET_USD = Decimal("0.0003")
    add(10)
    run = collect(Trigger.SCHEDULE)
    assert "would exceed the daily budget" in run.error
    assert (len(watch.questions), MetricSample.objects.count()) == (0, 0)


def test_each_page_adds_the_next_one_and_steps_for_what_runs_on_it(add, watch):
    rows = add(1001)
    run = collect()
    place = f"{ACCOUNT}/eu-west-1"
    assert [step.name for step in run.steps.all()] == [
        ACCOUNT,
        f"{place}/instances/1",
        f"{place}/instances/2",
        f"{place}/memory/1",
        f"{place}/metrics/1.1",
        f"{place}/metrics/1.2",
        f"{place}/metrics/2.1",
    ]
    assert MetricSeries.objects.filter(instance=rows[1000]).exists()


def test_a_step_reads_what_still_runs_of_what_ran_when_its_page_was_stored(add, watch):
    add(2)
    run = ledger.start("metrics")
    runner.plan(run.pk)
    for name in (ACCOUNT, f"{ACCOUNT}/eu-west-1/instances/1"):
        runner.execute(run.steps.get(name=name).pk)
    Instance.objects.filter(pk=Instance.objects.last().pk).update(state="stopped")
    work_off(run)
    assert sum(len(queries(one)) for one in watch.questions) == 3


def test_a_retry_reads_only_what_was_not_stored_before_the_failure(add, watch):
    add(500)
    failing = iter([200, 200, 500, 500, 500, 500])
    watch.status_of = lambda: next(failing, 200)
    run = collect()
    assert (run.status, run.counts["created"]) == (Status.SUCCEEDED, 500 * 12)
    # Two calls before the failure, then what they had not told whole: 500 - 1000 // 3 instances in 2 calls.
    assert [len(queries(one)) for one in watch.questions] == [500, 500, 500, 1]
    assert MetricSample.objects.count() == 500 * 12


def test_asks_nothing_about_what_does_not_run(add, watch):
    add(1, state="stopped")
    add(1, gone_at=NOW)
    run = collect()
    assert (run.status, watch.questions, watch.listings) == (Status.SUCCEEDED, [], 0)


# --- Windows ---------------------------------------------------------------------------------
def test_reads_the_last_hour_of_points_that_have_settled(add, watch):
    add()
    assert stored(collect()) == [12, 0, 0]
    assert windows(watch) == [(END - timedelta(hours=1), END)]
    assert MetricSample.objects.order_by("timestamp").last().timestamp == END - FIVE


@pytest.mark.parametrize(("every_s", "minutes"), [(60, 5), (420, 5), (900, 15), (7200, 60)])
def test_reads_whole_periods_back_at_first_as_far_as_readings_are_apart(
    add, watch, monkeypatch, every_s, minutes
):
    add()
    monkeypatch.setattr(schedules, "every", lambda pipeline: timedelta(seconds=every_s))
    collect()
    assert windows(watch) == [(END - timedelta(minutes=minutes), END)]


def test_goes_on_where_it_ended_and_a_bit_before(add, watch, now):
    add()
    collect()
    now(NOW + timedelta(hours=1))
    assert stored(collect()) == [12, 0, 2]
    assert windows(watch)[1] == (END - timedelta(minutes=10), END + timedelta(hours=1))


def test_stores_a_point_that_came_late(add, watch, now):
    add()
    late = END - FIVE
    watch.value = lambda metric, instance_id, moment: None if moment == late else 10.0
    collect()
    now(NOW + timedelta(hours=1))
    watch.value = lambda metric, instance_id, moment: 10.0
    collect()
    assert MetricSample.objects.filter(timestamp=late).exists()


def test_catches_up_after_hours_without_a_reading(add, watch, now):
    add()
    collect()
    now(NOW + timedelta(hours=8))
    assert collect().counts["created"] == 8 * 12


def test_never_asks_for_more_points_than_one_answer_holds(add, watch, now):
    add()
    collect()
    now(NOW + timedelta(days=3))
    collect()
    start, end = windows(watch)[1]
    assert (end - start) / FIVE * 500 <= 100_800
    assert end == END + timedelta(days=3)


# --- The past --------------------------------------------------------------------------------
@pytest.fixture
def days_before(settings):
    """Read the days before the first reading, too: `days_before(2)`."""

    def reach(days):
        settings.METRIC_HISTORY_DAYS = days

    return reach


def test_reads_the_days_before_the_first_reading_where_that_is_asked_for(add, watch, days_before):
    days_before(2)
    add()
    first = END - timedelta(hours=1)
    midnight = datetime(2026, 3, 18, tzinfo=UTC)
    # Two days and the 10:55 hours of today, twelve points an hour, beside the last hour's.
    assert stored(collect()) == [48 * 12 + 131 + 12, 0, 0]
    assert windows(watch) == [(first, END), (midnight, first)]
    assert MetricSample.objects.count() == 719
    assert MetricHour.objects.get(hour=midnight).cpu_count == 12


def test_the_past_is_read_once(add, watch, now, days_before):
    days_before(2)
    add()
    collect()
    now(NOW + timedelta(hours=1))
    collect()
    assert len(watch.questions) == 3


def test_the_past_ends_where_samples_are_kept_no_more(add, watch, days_before, settings):
    days_before(28)
    settings.METRIC_RETENTION_DAYS = 3
    add()
    assert "refused" not in collect().counts
    assert windows(watch)[1][0] == datetime(2026, 3, 17, tzinfo=UTC)


def test_calls_for_the_past_have_no_more_points_than_one_answer_holds(add, watch, days_before):
    days_before(28)
    add(5)
    collect()
    # 28 days and almost 11 hours: 8195 points of a metric, of which twelve metrics fit into an answer.
    assert [len(queries(question)) for question in watch.questions] == [15, 12, 3]


def test_a_failed_reading_of_the_past_is_tried_again_and_leaves_the_last_hour(add, watch, days_before):
    days_before(2)
    add()
    answers = iter([200, *[500] * 4])
    watch.status_of = lambda: next(answers, 200)
    assert collect().counts["created"] == 719


def test_reads_again_what_a_failed_reading_left_out(add, watch, now):
    add()
    collect()
    watch.status = 400
    now(NOW + timedelta(hours=1))
    assert collect().status == Status.PARTIAL
    watch.status = 200
    now(NOW + timedelta(hours=2))
    assert collect().counts["created"] == 24
    assert MetricSample.objects.count() == 12 + 24


# --- Samples ---------------------------------------------------------------------------------
def test_puts_the_metrics_of_one_moment_together(add, watch):
    rows = add(200)
    values = {"CPUUtilization": 1.0, "NetworkIn": 2000.0, "NetworkOut": 3000.0}
    watch.value = lambda metric, instance_id, moment: values[metric] + int(instance_id[2:], 16)
    collect()
    series = MetricSeries.objects.get(instance=rows[167])
    found = MetricSample.objects.filter(series=series).values_list(
        "cpu", "memory", "network_in", "network_out"
    )
    assert set(found) == {(168.0, None, 2167.0, 3167.0)}


def test_what_is_not_published_is_unknown(add, watch):
    add()
    watch.value = lambda metric, instance_id, moment: 5.0 if metric == "CPUUtilization" else None
    collect()
    row = MetricSample.objects.first()
    assert (row.cpu, row.network_in, row.network_out) == (5.0, None, None)


def test_an_instance_without_any_point_has_no_samples(add, watch):
    add()
    watch.value = lambda metric, instance_id, moment: None
    assert stored(collect()) == [0, 0, 0]
    assert not MetricSample.objects.exists()


def test_a_second_reading_changes_nothing(add, watch, now):
    add()
    collect()
    now(NOW + timedelta(seconds=1))
    assert stored(collect()) == [0, 0, 2]


def test_the_daily_cpu_follows(add, watch):
    add()
    watch.value = lambda metric, instance_id, moment: float(moment.minute)
    collect()
    row = CpuMetric.objects.get()
    # Minutes 55 of one hour and 0 to 50 of the next.
    assert (row.average_cpu, row.maximum_cpu, row.samples) == (27.5, 55.0, 12)
    assert row.coverage == 2 / 24


def test_one_failing_region_leaves_the_other_its_samples(add, watch):
    add()
    add(region="us-east-1")
    watch.silent = lambda region: region == "us-east-1"
    run = collect()
    assert run.status == Status.PARTIAL
    assert "us-east-1" in run.error
    assert MetricSample.objects.count() == 12


def test_a_worker_that_lost_its_lease_stores_nothing(add, watch):
    add()
    run = ledger.start("metrics")
    watch.value = lambda *asked: Step.objects.update(fence=99) and 10.0
    runner.plan(run.pk)
    while step := ledger.ready_steps().first():
        runner.execute(step.pk)
    assert len(watch.questions) == 1
    assert not MetricSample.objects.exists()
    assert not MetricSeries.objects.exclude(read_through=None).exists()


# --- Memory ----------------------------------------------------------------------------------
def memory_of(instance, **more):
    dimensions = {"InstanceId": instance.instance_id, **more}
    return {
        "Namespace": "CWAgent",
        "MetricName": "mem_used_percent",
        "Dimensions": [{"Name": name, "Value": value} for name, value in dimensions.items()],
    }


def test_reads_memory_where_the_agent_publishes_it(add, watch):
    quiet, measured = add(2)
    watch.memory = [memory_of(measured, ImageId="ami-1", InstanceType="m5.large")]
    watch.value = lambda metric, instance_id, moment: 70.0 if metric == "mem_used_percent" else 1.0
    collect()
    known = {row.series.instance_id: row.memory for row in MetricSample.objects.all()}
    assert known == {quiet.pk: None, measured.pk: 70.0}
    [asked] = [
        query["MetricStat"]["Metric"]
        for query in queries(watch.questions[0])
        if query["MetricStat"]["Metric"]["Namespace"] == "CWAgent"
    ]
    assert {one["Name"]: one["Value"] for one in asked["Dimensions"]} == {
        "InstanceId": measured.instance_id,
        "ImageId": "ami-1",
        "InstanceType": "m5.large",
    }


def test_of_several_memory_metrics_takes_the_one_with_the_fewest_dimensions(add, watch):
    [instance] = add()
    watch.memory = [memory_of(instance, ImageId="ami-1"), memory_of(instance)]
    collect()
    assert MetricSeries.objects.get().memory_dimensions == {"InstanceId": instance.instance_id}


def test_looks_for_memory_once_a_day(add, watch, now):
    add()
    for hours in (0, 1, 22, 24):
        now(NOW + timedelta(hours=hours))
        collect()
    assert watch.listings == 2


def test_forgets_memory_that_is_no_longer_published(add, watch, now):
    [instance] = add()
    watch.memory = [memory_of(instance)]
    collect()
    watch.memory = []
    now(NOW + timedelta(days=1))
    collect()
    assert MetricSeries.objects.get().memory_dimensions is None


# --- Partitions ------------------------------------------------------------------------------
def test_the_partitions_pipeline_creates_those_of_all_tables(watch):
    tables = partitions.every().values()
    for table in tables:
        table.drop_before(date.max)
    run = ledger.start("partitions")
    work_off(run)
    assert Run.objects.get(pk=run.pk).counts == {"created": 4 * len(tables)}
