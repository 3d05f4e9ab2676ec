"""The benchmarks' stub as a process, asked through the project's own adapters."""

import os
import re
import subprocess
import sys
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from math import ceil
from pathlib import Path

import boto3
import pytest
import requests
from botocore.config import Config
from botocore.exceptions import ClientError

from benchmarks.stub import costs, figures
from benchmarks.stub.estate import Estate
from benchmarks.stub.protocol import ACCOUNT
from collectors.aws import cost, cpu, ec2, session
from collectors.aws.metering import Tally
from collectors.aws.session import Access, Cloud
from core.errors import PermanentCloudError, TransientCloudError
from tests.integration.conftest import pages

ROOT = Path(__file__).resolve().parents[2]
HOME, OTHER = "eu-west-1", "eu-north-1"
ESTATE = Estate(1200, (HOME, OTHER), memory_every=100)
CPU = figures.METRICS["AWS/EC2", "CPUUtilization"]
OPTIONS = ("--instances", "1200", "--regions", f"{HOME},{OTHER}", "--memory-every", "100")


@contextmanager
def running(*options):
    """Run a stub on a free port and give its address."""
    command = [sys.executable, "-m", "benchmarks.stub", "--port", "0", *options]
    with subprocess.Popen(command, cwd=ROOT, env=os.environ, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield re.search(r"http://\S+", process.stdout.readline())[0]
        finally:
            process.terminate()


@pytest.fixture(scope="module")
def server():
    with running(*OPTIONS) as url:
        yield url


@pytest.fixture
def stub(server):
    """Begin anew with a behaviour: `stub(faults=["throttle=1"])`; gives the stub's own counts."""

    def behave(**behaviour):
        requests.post(f"{server}/stub/reset", json=behaviour, timeout=10).raise_for_status()

    behave()
    return behave


@pytest.fixture
def told(server):
    return lambda: requests.get(f"{server}/stub/calls", timeout=10).json()


@pytest.fixture
def cloud(server, stub, monkeypatch):
    quick = session._CONFIG.merge(
        Config(read_timeout=0.2, retries={"mode": "standard", "total_max_attempts": 1})
    )
    monkeypatch.setattr(session, "_CONFIG", quick)
    return Cloud(Access(account_id=None, endpoint_url=server, demo=True), Tally())


def client(server, service, **config):
    return boto3.client(
        service,
        region_name=HOME,
        endpoint_url=server,
        aws_access_key_id="stub",
        aws_secret_access_key="stub",
        config=Config(retries={"total_max_attempts": 1}, **config),
    )


def queries(count, metric="CPUUtilization", statistic="Average", period=300):
    return [
        {
            "Id": f"q{number}",
            "MetricStat": {
                "Metric": {
                    "Namespace": "AWS/EC2",
                    "MetricName": metric,
                    "Dimensions": [{"Name": "InstanceId", "Value": ESTATE.instance_id(HOME, number)}],
                },
                "Period": period,
                "Stat": statistic,
            },
        }
        for number in range(count)
    ]


class TestInventory:
    def test_pages_hold_every_instance_once(self, cloud, told):
        whole = list(pages(ec2.instance_page, cloud, HOME))
        assert [len(page) for page in whole] == [1000, 200]
        assert [one.instance_id for page in whole for one in page] == [
            ESTATE.instance_id(HOME, number) for number in range(1200)
        ]
        assert told()["calls"] == {"DescribeInstances": ceil(1200 / 1000)}

    def test_regions_hold_different_instances(self, cloud):
        ids = {
            region: {one.instance_id for page in pages(ec2.instance_page, cloud, region) for one in page}
            for region in ec2.enabled_regions(cloud)
        }
        assert {region: len(found) for region, found in ids.items()} == {HOME: 1200, OTHER: 1200}
        assert not ids[HOME] & ids[OTHER]

    def test_volumes_are_attached_to_their_instances(self, cloud):
        attached = [one.attached_to for page in pages(ec2.volume_page, cloud, HOME) for one in page]
        assert attached == [ESTATE.instance_id(HOME, number) for number in range(1200)]

    def test_small_pages_are_cut_across_the_prepared_ones(self, server, stub, told):
        small = (
            client(server, "ec2")
            .get_paginator("describe_instances")
            .paginate(PaginationConfig={"PageSize": 700})
        )
        ids = [one["Instances"][0]["InstanceId"] for page in small for one in page["Reservations"]]
        assert ids == [ESTATE.instance_id(HOME, number) for number in range(1200)]
        assert told()["calls"] == {"DescribeInstances": ceil(1200 / 700)}

    @pytest.mark.parametrize("size", [4, 1001])
    def test_page_sizes_beyond_ec2s_are_refused(self, server, stub, size):
        with pytest.raises(ClientError, match="InvalidParameterValue"):
            client(server, "ec2", parameter_validation=False).describe_instances(MaxResults=size)


class TestIdentity:
    def test_role_leads_to_its_account(self, server, stub, monkeypatch):
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "stub")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "stub")
        role = "arn:aws:iam::210987654321:role/CloudIntelReader"
        access = Access(account_id="210987654321", role_arn=role, endpoint_url=server)
        assert Cloud(access, Tally()).account_id() == "210987654321"

    def test_other_keys_belong_to_the_first_account(self, cloud):
        assert cloud.account_id() == ACCOUNT


class TestMetrics:
    def test_daily_figures_are_those_of_its_function(self, cloud):
        day = datetime.now(UTC).date() - timedelta(days=3)
        midnight = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
        [[found]] = cpu.daily_cpu(cloud, HOME, [ESTATE.instance_id(HOME, 7)], day, day + timedelta(days=1))
        average, maximum = (
            figures.value(CPU, statistic, 7, at_s=midnight, period_s=86_400)
            for statistic in ("Average", "Maximum")
        )
        assert (found.average, found.maximum) == (average, maximum)
        assert maximum == pytest.approx(2 * average)
        assert found.samples == 24 * 12
        assert found.coverage == 1.0

    @pytest.mark.parametrize("scan", ["TimestampAscending", "TimestampDescending"])
    def test_each_point_is_that_of_its_function(self, server, stub, scan):
        start = int(datetime.now(UTC).timestamp()) // 3600 * 3600 - 7200
        answer = client(server, "cloudwatch").get_metric_data(
            StartTime=start,
            EndTime=start + 3600,
            ScanBy=scan,
            MetricDataQueries=queries(2, "NetworkIn", "Sum"),
        )
        metric = figures.METRICS["AWS/EC2", "NetworkIn"]
        moments = list(range(start, start + 3600, 300))
        for number, result in enumerate(answer["MetricDataResults"]):
            expected = [figures.value(metric, "Sum", number, at_s=at, period_s=300) for at in moments]
            order = -1 if scan == "TimestampDescending" else 1
            assert [int(at.timestamp()) for at in result["Timestamps"]] == moments[::order]
            assert result["Values"] == expected[::order]

    @pytest.mark.parametrize("scan", ["TimestampAscending", "TimestampDescending"])
    def test_pages_of_few_points_make_up_the_whole(self, server, stub, told, scan):
        start = int(datetime.now(UTC).timestamp()) // 3600 * 3600 - 7200
        question = {
            "StartTime": start,
            "EndTime": start + 3600,
            "ScanBy": scan,
            "MetricDataQueries": queries(3),
        }
        cloudwatch = client(server, "cloudwatch")
        whole = cloudwatch.get_metric_data(**question)["MetricDataResults"]
        parts = {one["Id"]: [] for one in whole}
        stub()
        for page in cloudwatch.get_paginator("get_metric_data").paginate(MaxDatapoints=10, **question):
            for result in page["MetricDataResults"]:
                parts[result["Id"]] += result["Values"]
        assert parts == {one["Id"]: one["Values"] for one in whole}
        assert told()["calls"] == {"GetMetricData": ceil(3 * 12 / 10)}

    def test_an_answer_holds_100800_points_and_no_more(self, server, stub):
        day = int(datetime.now(UTC).timestamp()) // 86_400 * 86_400
        answer = client(server, "cloudwatch").get_metric_data(
            StartTime=day - 14 * 86_400, EndTime=day, MetricDataQueries=queries(30)
        )
        points = [len(result["Values"]) for result in answer["MetricDataResults"]]
        assert sum(points) == 25 * 14 * 288 == 100_800
        assert answer["NextToken"]

    def test_501_queries_are_refused(self, server, stub):
        with pytest.raises(ClientError, match="ValidationError"):
            client(server, "cloudwatch").get_metric_data(
                StartTime=0, EndTime=3600, MetricDataQueries=queries(501)
            )

    def test_fine_periods_are_not_kept_for_long(self, server, stub):
        now = int(datetime.now(UTC).timestamp())
        answer = client(server, "cloudwatch").get_metric_data(
            StartTime=now - 20 * 86_400, EndTime=now - 19 * 86_400, MetricDataQueries=queries(1, period=60)
        )
        assert answer["MetricDataResults"][0]["Values"] == []

    def test_memory_is_listed_with_the_dimensions_it_answers_to(self, server, stub):
        cloudwatch = client(server, "cloudwatch")
        metrics = cloudwatch.list_metrics(Namespace="CWAgent", MetricName="mem_used_percent")["Metrics"]
        assert len(metrics) == 1200 / 100
        assert {len(metric["Dimensions"]) for metric in metrics} == {1, 2}
        end = int(datetime.now(UTC).timestamp())
        answer = cloudwatch.get_metric_data(
            StartTime=end - 600,
            EndTime=end,
            MetricDataQueries=[
                {"Id": f"m{number}", "MetricStat": {"Metric": metric, "Period": 300, "Stat": "Average"}}
                for number, metric in enumerate(metrics)
            ],
        )
        assert all(result["Values"] for result in answer["MetricDataResults"])

    def test_one_metric_of_one_instance_is_answered_alike(self, server, stub):
        start = int(datetime.now(UTC).timestamp()) // 3600 * 3600 - 3600
        answer = client(server, "cloudwatch").get_metric_statistics(
            Namespace="AWS/EC2",
            MetricName="CPUUtilization",
            Dimensions=[{"Name": "InstanceId", "Value": ESTATE.instance_id(HOME, 5)}],
            StartTime=start,
            EndTime=start + 300,
            Period=300,
            Statistics=["Average"],
        )
        expected = figures.value(CPU, "Average", 5, at_s=start, period_s=300)
        assert [point["Average"] for point in answer["Datapoints"]] == [expected]


class TestCosts:
    def test_pages_make_up_the_bill(self, cloud, told):
        start, end = date(2026, 1, 1), date(2026, 1, 31)
        days = cost.daily_costs(cloud, start, end)
        assert sum(line.amount for day in days for line in day.lines) == sum(
            costs.amount(start + timedelta(days=day), service, region)
            for day in range(30)
            for service in range(10)
            for region in range(5)
        )
        assert told()["calls"] == {"GetCostAndUsage": 30 * 10 * 5 / 500}


def ask_instances(cloud):
    list(pages(ec2.instance_page, cloud, HOME))


def ask_cpu(cloud):
    today = datetime.now(UTC).date()
    list(cpu.daily_cpu(cloud, HOME, [ESTATE.instance_id(HOME, 1)], today - timedelta(days=2), today))


def ask_costs(cloud):
    cost.daily_costs(cloud, date(2026, 1, 1), date(2026, 1, 2))


def ask_identity(cloud):
    cloud.account_id()


ASKING = [ask_instances, ask_cpu, ask_costs, ask_identity]


class TestFaults:
    @pytest.mark.parametrize("ask", ASKING)
    @pytest.mark.parametrize("kind", ["throttle", "unavailable", "timeout"])
    def test_what_passes_is_transient(self, cloud, stub, ask, kind):
        stub(faults=[f"{kind}=1"])
        with pytest.raises(TransientCloudError):
            ask(cloud)

    @pytest.mark.parametrize("ask", ASKING)
    @pytest.mark.parametrize("kind", ["expired", "denied"])
    def test_what_stays_is_permanent(self, cloud, stub, told, ask, kind):
        stub(faults=[f"{kind}=1"])
        with pytest.raises(PermanentCloudError):
            ask(cloud)
        assert sum(told()["calls"].values()) == 1

    @pytest.mark.parametrize("ask", ASKING)
    def test_torn_answer_is_transient(self, cloud, stub, ask):
        stub(faults=["torn=1"])
        with pytest.raises(TransientCloudError):
            ask(cloud)

    def test_second_page_fails_after_the_first_was_read(self, cloud, stub, told):
        stub(faults=["unavailable@DescribeInstances=#2"])
        turned = pages(ec2.instance_page, cloud, HOME)
        assert len(next(turned)) == 1000
        with pytest.raises(TransientCloudError):
            next(turned)
        assert told()["refused"] == {"DescribeInstances": {"Unavailable": 1}}

    def test_page_fails_whoever_asks_for_it_and_however_often(self, cloud, stub, told):
        stub(faults=["denied@DescribeInstances=page2"])
        for region in (HOME, OTHER, HOME):
            turned = pages(ec2.instance_page, cloud, region)
            assert len(next(turned)) == 1000
            with pytest.raises(PermanentCloudError):
                next(turned)
        assert told()["refused"] == {"DescribeInstances": {"UnauthorizedOperation": 3}}

    def test_metrics_in_part_without_the_rest_are_transient(self, cloud, stub):
        stub(faults=["partial=1"])
        with pytest.raises(TransientCloudError, match="only in part"):
            ask_cpu(cloud)

    def test_one_denied_region_leaves_the_others(self, cloud, stub):
        stub(faults=[f"denied@{OTHER}=1"])
        ask_instances(cloud)
        with pytest.raises(PermanentCloudError, match="UnauthorizedOperation"):
            list(pages(ec2.instance_page, cloud, OTHER))

    def test_the_same_seed_strikes_the_same_calls(self, server, stub):
        sts = client(server, "sts")

        def struck():
            stub(faults=["throttle=0.5"], seed=3)
            return [is_throttled(sts) for _ in range(20)]

        first = struck()
        assert struck() == first
        assert 0 < sum(first) < 20

    def test_calls_beyond_the_rate_are_throttled(self, server, stub, told):
        stub(rates={"GetCallerIdentity": 2})
        sts = client(server, "sts")
        throttled = [is_throttled(sts) for _ in range(5)]
        assert throttled[:2] == [False, False]
        assert told()["refused"]["GetCallerIdentity"]["Throttling"] == sum(throttled) > 0


def is_throttled(sts):
    try:
        sts.get_caller_identity()
    except ClientError as error:
        return error.response["Error"]["Code"] == "Throttling"
    return False
