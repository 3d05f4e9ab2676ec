"""The demo cloud as a process, asked by boto3 as CloudIntel asks it; the model is summed independently."""

import csv
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections import Counter, defaultdict
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import boto3
import pytest
from botocore.exceptions import ClientError

from democloud.billing import billed
from democloud.estate import ACCOUNTS, DEVELOPMENT, PRODUCTION, REGIONS, fleet, volumes
from democloud.home import kept_estate
from democloud.load import cpu_percent, cpu_percent_within, measured_hours, period

ROOT = Path(__file__).resolve().parents[2]
REAL_TRACES = ROOT.parent / "shared" / "data" / "nab" / "data" / "realAWSCloudwatch"
KEYS = {"aws_access_key_id": "AKIADEMODEMODEMODEMO", "aws_secret_access_key": "demo"}


def command(home, *arguments):
    return [sys.executable, "-m", "democloud", "--port", "0", "--home", str(home), *arguments]


def environment(**extra):
    return {name: value for name, value in os.environ.items() if name != "CLOUDINTEL_TRACES"} | extra


@contextmanager
def demo_cloud(home, *arguments):
    """Run a demo cloud; give the process, its address and the file of its log."""
    log = home / "log"
    home.mkdir(exist_ok=True)
    with (
        log.open("w") as stderr,
        subprocess.Popen(
            command(home, *arguments),
            cwd=ROOT,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        ) as process,
    ):
        try:
            announced = process.stdout.readline()
            url = re.search(r"http://\S+", announced)
            assert url, log.read_text()
            yield process, url[0], log
        finally:
            process.terminate()


@pytest.fixture(scope="module")
def cloud(tmp_path_factory):
    """The address, the home and the log of a demo cloud with the generated fleet."""
    home = tmp_path_factory.mktemp("cloud") / "home"
    with demo_cloud(home, "--groups-per-page", "7") as (_, url, log):
        yield url, home, log


@pytest.fixture(scope="module")
def estate(cloud):
    return kept_estate(cloud[1], now=datetime.now(UTC))


def session(url, account=PRODUCTION):
    """A boto3 session of the account, by its role where it has one."""
    if not account.role_arn:
        return boto3.Session(**KEYS, region_name="us-east-1")
    sts = session(url).client("sts", endpoint_url=url)
    role = sts.assume_role(RoleArn=account.role_arn, RoleSessionName="tests", ExternalId="any-id")
    return boto3.Session(
        aws_access_key_id=role["Credentials"]["AccessKeyId"],
        aws_secret_access_key=role["Credentials"]["SecretAccessKey"],
        aws_session_token=role["Credentials"]["SessionToken"],
        region_name="us-east-1",
    )


def client(url, service, region="us-east-1", account=PRODUCTION):
    return session(url, account).client(service, region_name=region, endpoint_url=url)


def described(url, account, region):
    """Instances of one account and region, over small pages."""
    pages = (
        client(url, "ec2", region, account)
        .get_paginator("describe_instances")
        .paginate(PaginationConfig={"PageSize": 5})
    )
    return [one for page in pages for reservation in page["Reservations"] for one in reservation["Instances"]]


def metric_queries(instance_ids):
    """The three queries that a collection asks of each instance."""
    kinds = (("Average", 86_400), ("Maximum", 86_400), ("SampleCount", 3600))
    return [
        {
            "Id": f"{stat.lower()}_{number}",
            "MetricStat": {
                "Metric": {
                    "Namespace": "AWS/EC2",
                    "MetricName": "CPUUtilization",
                    "Dimensions": [{"Name": "InstanceId", "Value": instance_id}],
                },
                "Period": period,
                "Stat": stat,
            },
        }
        for number, instance_id in enumerate(instance_ids)
        for stat, period in kinds
    ]


def metric_data(cloudwatch, queries, start, end, **extra):
    """Points of each query id, joined over the pages."""
    found = defaultdict(dict)
    pages = cloudwatch.get_paginator("get_metric_data").paginate(
        MetricDataQueries=queries, StartTime=start, EndTime=end, **extra
    )
    for page in pages:
        for result in page["MetricDataResults"]:
            found[result["Id"]] |= dict(zip(result["Timestamps"], result["Values"], strict=True))
    return found


def midnight(moment):
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


@pytest.mark.parametrize("account", ACCOUNTS, ids=lambda account: account.name)
@pytest.mark.parametrize("region", REGIONS)
def test_ec2_shows_the_instances_of_the_account_and_region(cloud, estate, account, region):
    shown = {
        one["InstanceId"]: (
            one["InstanceType"],
            one["State"]["Name"],
            one["LaunchTime"],
            one["Placement"]["AvailabilityZone"],
            {tag["Key"]: tag["Value"] for tag in one["Tags"]},
        )
        for one in described(cloud[0], account, region)
    }
    assert shown == {
        one.instance_id: (one.instance_type, one.state, one.launched_at, one.zone, dict(one.tags))
        for one in fleet(estate)
        if (one.account_id, one.region) == (account.account_id, region)
    }


@pytest.mark.parametrize("account", ACCOUNTS, ids=lambda account: account.name)
@pytest.mark.parametrize("region", REGIONS)
def test_ec2_shows_the_volumes_and_what_they_are_attached_to(cloud, estate, account, region):
    pages = client(cloud[0], "ec2", region, account).get_paginator("describe_volumes").paginate()
    shown = {
        one["VolumeId"]: (
            one["Size"],
            one["VolumeType"],
            one["CreateTime"],
            [(attachment["InstanceId"], attachment["Device"]) for attachment in one["Attachments"]],
        )
        for page in pages
        for one in page["Volumes"]
    }
    assert shown == {
        one.volume_id: (
            one.size_gib,
            one.volume_type,
            one.created_at,
            [(one.instance_id, one.device)] if one.instance_id else [],
        )
        for one in volumes(estate)
        if (one.account_id, one.region) == (account.account_id, region)
    }


def test_the_accounts_have_no_instance_in_common(cloud):
    seen = Counter(
        one["InstanceId"]
        for account in ACCOUNTS
        for region in REGIONS
        for one in described(cloud[0], account, region)
    )
    assert len(seen) == 24
    assert set(seen.values()) == {1}


def test_only_the_demos_regions_are_enabled(cloud):
    regions = client(cloud[0], "ec2").describe_regions()["Regions"]
    assert {one["RegionName"] for one in regions} == set(REGIONS)


@pytest.mark.parametrize("account", ACCOUNTS, ids=lambda account: account.name)
def test_sts_tells_which_account_the_credentials_belong_to(cloud, account):
    identity = client(cloud[0], "sts", account=account).get_caller_identity()
    assert identity["Account"] == account.account_id
    assert f":{account.account_id}:" in identity["Arn"]


def test_an_assumed_role_lasts_as_long_as_asked(cloud):
    answer = client(cloud[0], "sts").assume_role(
        RoleArn=DEVELOPMENT.role_arn, RoleSessionName="tests", DurationSeconds=900
    )
    left = answer["Credentials"]["Expiration"] - datetime.now(UTC)
    assert timedelta(minutes=14) < left <= timedelta(minutes=15)


def refusal(call, **arguments):
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    return caught.value.response["Error"]["Code"]


def test_a_role_that_does_not_exist_is_denied(cloud):
    sts = client(cloud[0], "sts")
    role = "arn:aws:iam::210987654321:role/Administrator"
    assert refusal(sts.assume_role, RoleArn=role, RoleSessionName="tests") == "AccessDenied"


def test_operations_that_the_demo_lacks_are_refused_in_their_protocol(cloud):
    codes = [
        refusal(client(cloud[0], "sts").get_session_token),
        refusal(client(cloud[0], "cloudwatch").describe_alarms),
        refusal(client(cloud[0], "ec2").describe_local_gateways),
    ]
    assert codes == ["InvalidAction", "UnknownOperationException", "InvalidAction"]


@pytest.mark.parametrize("account", ACCOUNTS, ids=lambda account: account.name)
@pytest.mark.parametrize("region", REGIONS)
def test_daily_cpu_equals_the_model_summed_by_day(cloud, estate, account, region):
    here = [one for one in fleet(estate) if (one.account_id, one.region) == (account.account_id, region)]
    end = midnight(estate.anchor)
    start = end - timedelta(days=31)
    queries = metric_queries([one.instance_id for one in here])
    answered = metric_data(client(cloud[0], "cloudwatch", region, account), queries, start, end)
    for number, instance in enumerate(here):
        by_day, maxima = defaultdict(list), defaultdict(float)
        for hour in measured_hours(estate, instance, start, end):
            day = midnight(hour)
            by_day[day].append(cpu_percent(instance, hour))
            maxima[day] = max(maxima[day], *cpu_percent_within(instance, hour))
        averages = {day: pytest.approx(sum(values) / len(values), abs=1e-9) for day, values in by_day.items()}
        assert answered[f"average_{number}"] == averages
        assert answered[f"maximum_{number}"] == maxima
        counts = list(answered[f"samplecount_{number}"].values())
        assert counts == [timedelta(hours=1) // period(instance)] * sum(map(len, by_day.values()))


def test_metric_pages_equal_the_whole_answer(cloud, estate):
    here = [
        one for one in fleet(estate) if (one.account_id, one.region) == (PRODUCTION.account_id, REGIONS[0])
    ]
    end = midnight(estate.anchor)
    ask = (metric_queries([one.instance_id for one in here]), end - timedelta(days=31), end)
    cloudwatch = client(cloud[0], "cloudwatch", REGIONS[0])
    assert metric_data(cloudwatch, *ask, MaxDatapoints=1000) == metric_data(cloudwatch, *ask)


def test_metrics_can_be_listed(cloud, estate):
    pages = client(cloud[0], "cloudwatch", "us-east-1", DEVELOPMENT).get_paginator("list_metrics").paginate()
    listed = Counter(metric["MetricName"] for page in pages for metric in page["Metrics"])
    assert listed == {"CPUUtilization": 4, "NetworkIn": 4, "NetworkOut": 4}


@pytest.mark.parametrize("account", ACCOUNTS, ids=lambda account: account.name)
def test_cost_explorer_equals_the_bills_over_all_pages(cloud, estate, account):
    explorer = client(cloud[0], "ce", account=account)
    today = datetime.now(UTC).date()
    start = today - timedelta(days=30)
    request = {
        "TimePeriod": {"Start": str(start), "End": str(today)},
        "Granularity": "DAILY",
        "Metrics": ["UnblendedCost"],
        "GroupBy": [{"Type": "DIMENSION", "Key": key} for key in ("SERVICE", "REGION")],
    }
    answered = {}
    while True:
        page = explorer.get_cost_and_usage(**request)
        for result in page["ResultsByTime"]:
            for group in result["Groups"]:
                key = (result["TimePeriod"]["Start"], *group["Keys"])
                answered[key] = Decimal(group["Metrics"]["UnblendedCost"]["Amount"])
        if "NextPageToken" not in page:
            break
        request["NextPageToken"] = page["NextPageToken"]
    assert answered == {
        (str(day), *key): amount
        for day in (start + timedelta(days=number) for number in range(30))
        for key, amount in billed(estate, account.account_id, day, today=today).items()
    }


def test_cost_explorers_refusals_reach_boto3(cloud):
    explorer = client(cloud[0], "ce")
    future = datetime.now(UTC).date() + timedelta(days=2)
    periods = [("2020-01-01", "2020-01-02"), (str(future), str(future + timedelta(days=1)))]
    codes = [
        refusal(
            explorer.get_cost_and_usage,
            TimePeriod={"Start": start, "End": end},
            Granularity="DAILY",
            Metrics=["UnblendedCost"],
        )
        for start, end in periods
    ]
    assert codes == ["ValidationException", "DataUnavailableException"]


def test_a_refusal_is_one_line_of_the_log_and_an_answer_none(cloud):
    url, _, log = cloud
    before = log.read_text()
    refusal(client(url, "sts").get_session_token)
    client(url, "sts").get_caller_identity()
    added = log.read_text().removeprefix(before).splitlines()
    assert len(added) == 1
    assert "GetSessionToken" in added[0]


def status(url, path):
    """The status of a plain, unsigned GET."""
    with closing(http.client.HTTPConnection(url.removeprefix("http://"), timeout=10)) as connection:
        connection.request("GET", path)
        return connection.getresponse().status


def test_an_unsigned_request_is_refused(cloud):
    assert status(cloud[0], "/moto-api/reset") == 403


def test_livez_answers(cloud):
    assert status(cloud[0], "/livez") == 200


def snapshot(url):
    """Everything that EC2 tells of instances, down to the ids that moto draws."""
    return [
        client(url, "ec2", region, account).describe_instances()["Reservations"]
        for account in ACCOUNTS
        for region in REGIONS
    ]


def test_a_restart_shows_the_same_estate_and_honours_older_sessions(tmp_path):
    home = tmp_path / "home"
    with demo_cloud(home) as (_, url, _log):
        first, held = snapshot(url), session(url, DEVELOPMENT)
    with demo_cloud(home) as (_, url, _log):
        assert snapshot(url) == first
        identity = held.client("sts", endpoint_url=url).get_caller_identity()
    assert identity["Account"] == DEVELOPMENT.account_id


def test_it_starts_quickly_and_sigterm_stops_it_at_once(tmp_path):
    begun = time.monotonic()
    with demo_cloud(tmp_path / "home") as (process, _, _log):
        ready = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=5) == 0
    assert ready - begun < 15


def failed_start(home, *arguments, **variables):
    done = subprocess.run(
        command(home, *arguments),
        cwd=ROOT,
        env=environment(**variables),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode != 0
    return done.stderr


def test_a_port_in_use_is_named_in_one_line(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        complaint = failed_start(tmp_path, "--port", str(port))
    assert complaint == f"democloud: port {port} on 127.0.0.1: Address already in use\n"


@pytest.mark.parametrize("way", ["argument", "environment"])
def test_a_bad_trace_is_named_in_one_line(tmp_path, way):
    (tmp_path / "cpu.csv").write_text("timestamp,value\n2014-02-14 14:30:00,low\n")
    folder = str(tmp_path)
    complaint = (
        failed_start(tmp_path, "--traces", folder)
        if way == "argument"
        else failed_start(tmp_path, CLOUDINTEL_TRACES=folder)
    )
    assert complaint == f"democloud: {folder}/cpu.csv:2: could not convert string to float: 'low'\n"


def daily_averages(path, anchor):
    """The file's end and its averages by day, moved by whole days to end at most a day before the anchor."""
    with path.open(newline="") as file:
        rows = [
            (datetime.fromisoformat(row["timestamp"]).replace(tzinfo=UTC), float(row["value"]))
            for row in csv.DictReader(file)
        ]
    last = max(moment for moment, _ in rows)
    move = timedelta(days=(anchor - last).days)
    by_day = defaultdict(list)
    for moment, value in rows:
        by_day[midnight(moment + move)].append(value)
    return last + move, {
        day: pytest.approx(sum(values) / len(values), abs=1e-6) for day, values in by_day.items()
    }


@pytest.mark.skipif(not REAL_TRACES.is_dir(), reason="../shared/data/nab is absent")
def test_real_traces_come_out_as_the_daily_averages_of_their_files(tmp_path):
    home = tmp_path / "home"
    with demo_cloud(home, "--traces", str(REAL_TRACES)) as (_, url, _log):
        anchor = datetime.fromisoformat(json.loads((home / "demo.json").read_text())["anchor"])
        ids = {one["Tags"][0]["Value"]: one["InstanceId"] for one in described(url, PRODUCTION, "eu-west-1")}
        files = sorted(REAL_TRACES.glob("ec2_cpu_*.csv"))
        assert files
        for path in files:
            end, expected = daily_averages(path, anchor)
            answered = metric_data(
                client(url, "cloudwatch", "eu-west-1"),
                metric_queries([ids[path.stem]]),
                midnight(anchor) - timedelta(days=40),
                end + timedelta(seconds=1),
            )
            assert answered["average_0"] == expected, path.name


@pytest.mark.skipif(not REAL_TRACES.is_dir(), reason="../shared/data/nab is absent")
def test_traces_replace_the_fleet_but_not_the_bill(tmp_path):
    with demo_cloud(tmp_path / "home", "--traces", str(REAL_TRACES)) as (_, url, _log):
        names = {one["Tags"][0]["Value"] for one in described(url, PRODUCTION, "eu-west-1")}
        assert names == {path.stem for path in REAL_TRACES.glob("*.csv")}
        assert described(url, DEVELOPMENT, "us-east-1") == []
        yesterday = datetime.now(UTC).date() - timedelta(days=1)
        costs = client(url, "ce").get_cost_and_usage(
            TimePeriod={"Start": str(yesterday - timedelta(days=1)), "End": str(yesterday)},
            Granularity="DAILY",
            Metrics=["UnblendedCost"],
        )
    assert Decimal(costs["ResultsByTime"][0]["Total"]["UnblendedCost"]["Amount"]) > 20
