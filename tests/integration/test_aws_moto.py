"""The adapters against moto, an AWS written by others, over HTTP."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from statistics import fmean

import boto3
import pytest
import requests
from moto.server import ThreadedMotoServer

from collectors.aws import cost, cpu, ec2
from collectors.aws.metering import Tally
from collectors.aws.session import Access, Cloud
from tests.integration.conftest import pages
from tests.unit.aws.both import Both, assert_read_fast_and_equal

REGION = "eu-west-1"
OTHER_ACCOUNT = "210987654321"
OTHER_ROLE = f"arn:aws:iam::{OTHER_ACCOUNT}:role/CloudIntelReader"
IMAGE = "ami-12345678"


@pytest.fixture(scope="module")
def server():
    """The address of a moto server."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def moto(server):
    """The address of a moto server that holds nothing."""
    requests.post(f"{server}/moto-api/reset", timeout=10)
    return server


@pytest.fixture
def tally():
    return Tally()


@pytest.fixture
def cloud(moto, tally):
    return Cloud(Access(account_id=None, endpoint_url=moto, demo=True), tally)


@pytest.fixture
def owner(moto):
    """Make clients that may write, of the first account."""

    def client(service):
        session = boto3.Session(aws_access_key_id="owner", aws_secret_access_key="owner")
        return session.client(service, region_name=REGION, endpoint_url=moto)

    return client


def launched(ec2_client, count=1, **options):
    answer = ec2_client.run_instances(ImageId=IMAGE, MinCount=count, MaxCount=count, **options)
    return [instance["InstanceId"] for instance in answer["Instances"]]


def varied_fleet(client):
    """Launch instances that differ in what is said of them; return their ids."""
    tags = [{"Key": "Name", "Value": "Größe <1> & more"}, {"Key": "empty", "Value": ""}]
    ids = [
        *launched(client, 3, InstanceType="t3.micro"),
        *launched(client, TagSpecifications=[{"ResourceType": "instance", "Tags": tags}]),
        *launched(client, Monitoring={"Enabled": True}, InstanceMarketOptions={"MarketType": "spot"}),
        *launched(client, 2, BlockDeviceMappings=[{"DeviceName": "/dev/sdb", "Ebs": {"VolumeSize": 20}}]),
        *launched(client, EbsOptimized=True, KeyName="k", Placement={"AvailabilityZone": f"{REGION}b"}),
    ]
    client.stop_instances(InstanceIds=ids[:1])
    client.terminate_instances(InstanceIds=ids[1:2])
    return ids


def test_the_bytes_of_a_varied_fleet_mean_the_same_to_both_parsers(owner):
    client = owner("ec2")
    varied_fleet(client)
    bodies = []
    client.meta.events.register(
        "before-parse.ec2.DescribeInstances", lambda response_dict, **_: bodies.append(response_dict["body"])
    )
    client.describe_instances()
    parsed = assert_read_fast_and_equal(Both("ec2", "DescribeInstances"), bodies[0])
    assert sum(len(reservation["Instances"]) for reservation in parsed["Reservations"]) == 8


def test_instances_with_their_states_and_tags(owner, cloud):
    ids = varied_fleet(owner("ec2"))
    found = {
        record.instance_id: record for page in pages(ec2.instance_page, cloud, REGION) for record in page
    }
    assert sorted(found) == sorted(ids)
    assert [found[one].state for one in ids[:3]] == ["stopped", "terminated", "running"]
    assert (found[ids[3]].name, found[ids[3]].tags["empty"]) == ("Größe <1> & more", "")
    assert (found[ids[4]].lifecycle, found[ids[4]].detailed_monitoring) == ("spot", True)
    assert found[ids[7]].availability_zone == f"{REGION}b"
    assert found[ids[2]].launched_at.utcoffset() == timedelta(0)


def test_volumes_with_what_they_are_attached_to(owner, cloud):
    client = owner("ec2")
    [instance] = launched(client, BlockDeviceMappings=[{"DeviceName": "/dev/sdb", "Ebs": {"VolumeSize": 20}}])
    loose = client.create_volume(AvailabilityZone=f"{REGION}a", Size=5, VolumeType="gp3", Encrypted=True)
    found = {record.volume_id: record for page in pages(ec2.volume_page, cloud, REGION) for record in page}
    free = found.pop(loose["VolumeId"])
    assert (free.size_gib, free.volume_type, free.encrypted, free.attached_to) == (5, "gp3", True, "")
    assert {record.attached_to for record in found.values()} == {instance}


def test_an_empty_account(cloud):
    assert [record for page in pages(ec2.instance_page, cloud, REGION) for record in page] == []
    assert [record for page in pages(ec2.volume_page, cloud, REGION) for record in page] == []


def test_regions(cloud):
    regions = ec2.enabled_regions(cloud)
    assert {"eu-west-1", "us-east-1"} <= set(regions)


def test_a_role_opens_the_other_account(moto, owner, cloud, tally):
    launched(owner("ec2"))
    other = Cloud(
        Access(OTHER_ACCOUNT, role_arn=OTHER_ROLE, external_id="cloudintel-1", endpoint_url=moto, demo=True),
        tally,
    )
    assert (cloud.account_id(), other.account_id()) == ("123456789012", OTHER_ACCOUNT)
    assert [record for page in pages(ec2.instance_page, other, REGION) for record in page] == []


def test_cpu_is_the_average_of_all_samples_of_a_day(owner, cloud):
    day = datetime.now(UTC).date() - timedelta(days=2)
    first = datetime.combine(day, time(), UTC)
    # Nine full hours and one with a single sample, which an average of averages would weigh too much.
    moments = [first + timedelta(minutes=5 * number) for number in range(9 * 12)]
    moments.append(first + timedelta(hours=20))
    values = [(number * 37 % 100) + 0.123 for number in range(len(moments))]
    put_cpu(owner("cloudwatch"), "i-1", zip(moments, values, strict=True))
    [[found]] = cpu.daily_cpu(cloud, REGION, ["i-1"], day - timedelta(days=3), day + timedelta(days=2))
    assert (found.instance_id, found.date) == ("i-1", day)
    assert found.average == pytest.approx(fmean(values), abs=1e-6)
    assert (found.maximum, found.samples, found.coverage) == (max(values), 109, 10 / 24)


def put_cpu(client, instance_id, points):
    data = [
        {
            "MetricName": "CPUUtilization",
            "Dimensions": [{"Name": "InstanceId", "Value": instance_id}],
            "Timestamp": moment,
            "Value": value,
        }
        for moment, value in points
    ]
    client.put_metric_data(Namespace="AWS/EC2", MetricData=data)


def test_cpu_of_today_and_of_an_instance_that_says_nothing(owner, cloud):
    now = datetime.now(UTC)
    put_cpu(owner("cloudwatch"), "i-1", [(datetime.combine(now.date(), time(), UTC), 50.0)])
    tomorrow = now.date() + timedelta(days=1)
    batches = list(cpu.daily_cpu(cloud, REGION, ["i-1", "i-2"], now.date(), tomorrow))
    assert batches == [[cpu.CpuDay("i-1", now.date(), 50.0, 50.0, 1, 1 / 24)]]


def test_costs(moto, cloud, tally):
    group = {"Keys": ["EC2", REGION], "Metrics": {"UnblendedCost": {"Amount": "1.2300", "Unit": "USD"}}}
    period = {"Start": "2026-03-01", "End": "2026-03-02"}
    answer = {"ResultsByTime": [{"TimePeriod": period, "Groups": [group], "Estimated": True}]}
    requests.post(f"{moto}/moto-api/static/ce/cost-and-usage-results", json={"results": [answer]}, timeout=10)
    [day] = cost.daily_costs(cloud, date(2026, 3, 1), date(2026, 3, 2))
    assert day.lines == (cost.CostLine("EC2", REGION, "USD", Decimal("1.2300")),)
    assert (day.estimated, tally.usd) == (True, Decimal("0.01"))
