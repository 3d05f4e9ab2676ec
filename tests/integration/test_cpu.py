"""Daily CPU figures are read once for the past and then followed."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.utils import timezone

from collectors.aws import cpu
from collectors.aws.cpu import CpuDay
from collectors.models import CloudAccount, CpuMetric, Instance, InstanceStateChange
from collectors.pipelines import register
from collectors.services import access, budget
from core.errors import PermanentCloudError
from pipelines import ledger
from pipelines.models import Run, Status
from tests.integration.conftest import work_off

pytestmark = pytest.mark.django_db(transaction=True)
ACCOUNT = "123456789012"
TODAY = date(2026, 3, 20)
TOMORROW = date(2026, 3, 21)
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


def ago(days):
    return TODAY - timedelta(days=days)


@pytest.fixture
def account():
    return CloudAccount.objects.create(account_id=ACCOUNT)


@pytest.fixture
def add(account):
    """Store an instance: `add("i-1", region="us-east-1", state="stopped")`."""

    def instance(instance_id, **values):
        defaults = {"region": "eu-west-1", "state": "running", "instance_type": "m5.large"}
        return Instance.objects.create(
            account=account,
            instance_id=instance_id,
            first_seen=LONG_AGO,
            last_seen=LONG_AGO,
            **defaults | values,
        )

    return instance


@pytest.fixture
def watch(monkeypatch, sent):
    """What CloudWatch knows, as batches by region, and what it was asked."""
    register()

    class Watch:
        batches, asked = {}, []

    def daily_cpu(cloud, region, instance_ids, start, end):
        Watch.asked.append((region, sorted(instance_ids), start, end))
        known = Watch.batches.get(region, [])
        if isinstance(known, Exception):
            raise known
        yield from ([figure for figure in batch if figure.instance_id in instance_ids] for batch in known)

    Watch.batches, Watch.asked = {}, []
    monkeypatch.setattr(cpu, "daily_cpu", daily_cpu)
    monkeypatch.setattr(budget, "today", lambda: TODAY)
    monkeypatch.setattr(access.Cloud, "account_id", lambda self: ACCOUNT)
    return Watch


def figure(instance_id, days_ago, average=10.0):
    return CpuDay(instance_id, ago(days_ago), average, average * 2, 24, 1.0)


def collect():
    run = ledger.start("cpu")
    work_off(run)
    return Run.objects.get(pk=run.pk)


def test_stores_the_figures_of_each_instance_and_day(add, watch):
    add("i-1")
    watch.batches["eu-west-1"] = [[figure("i-1", 2, 12.5)], [figure("i-1", 1)]]
    assert collect().counts == {"created": 2, "updated": 0, "unchanged": 0}
    row = CpuMetric.objects.get(date=ago(2))
    assert (row.instance_id, row.ec2.instance_id) == ("i-1", "i-1")
    assert (row.average_cpu, row.maximum_cpu, row.samples, row.coverage) == (12.5, 25.0, 24, 1.0)


def test_changes_nothing_the_second_time(add, watch):
    add("i-1")
    watch.batches["eu-west-1"] = [[figure("i-1", 1)]]
    collect()
    assert collect().counts == {"created": 0, "updated": 0, "unchanged": 1}


def test_reads_thirty_days_of_an_instance_it_has_no_figures_of(add, watch):
    add("i-1")
    collect()
    assert watch.asked == [("eu-west-1", ["i-1"], ago(30), TOMORROW)]


def test_follows_the_known_instances_and_reads_the_past_of_a_new_one(add, watch):
    add("i-1")
    watch.batches["eu-west-1"] = [[figure("i-1", 1)]]
    collect()
    add("i-2")
    collect()
    assert watch.asked[1:] == [
        ("eu-west-1", ["i-2"], ago(30), TOMORROW),
        ("eu-west-1", ["i-1"], ago(2), TOMORROW),
    ]


def test_reads_an_instance_from_where_its_own_figures_end(add, watch):
    add("i-1")
    add("i-2")
    watch.batches["eu-west-1"] = [[figure("i-1", 1), figure("i-2", 5)]]
    collect()
    collect()
    assert watch.asked[1:] == [
        ("eu-west-1", ["i-2"], ago(6), TOMORROW),
        ("eu-west-1", ["i-1"], ago(2), TOMORROW),
    ]


def test_asks_nothing_about_an_instance_that_has_long_been_stopped_or_is_gone(add, watch):
    add("i-1", state="stopped")
    add("i-2", gone_at=LONG_AGO)
    run = collect()
    assert (run.status, watch.asked) == (Status.SUCCEEDED, [])


def test_asks_once_more_about_an_instance_that_went_lately(add, watch):
    add("i-1", state="running", gone_at=timezone.now())
    collect()
    assert [instances for _, instances, _, _ in watch.asked] == [["i-1"]]


def test_asks_once_more_about_an_instance_that_was_stopped_lately(add, watch):
    stopped = add("i-1", state="stopped")
    InstanceStateChange.objects.create(instance=stopped, to_state="stopped", observed_at=timezone.now())
    collect()
    assert [instances for _, instances, _, _ in watch.asked] == [["i-1"]]


def test_one_failing_region_leaves_the_other_its_figures(add, watch):
    add("i-1")
    add("i-2", region="us-east-1")
    watch.batches = {"eu-west-1": [[figure("i-1", 1)]], "us-east-1": PermanentCloudError("denied")}
    run = collect()
    assert (run.status, run.error) == (Status.PARTIAL, f"{ACCOUNT}/us-east-1/cpu/1: denied")
    assert CpuMetric.objects.count() == 1
