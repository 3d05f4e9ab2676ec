"""Instances and volumes come a page at a time, complete or not at all."""

from datetime import UTC, datetime

import pytest

from collectors.aws import ec2
from collectors.aws.ec2 import InstanceRecord, VolumeRecord
from core.errors import PermanentCloudError, TransientCloudError
from tests.unit.aws.both import NAMESPACE

FULL = """
<instanceId>i-1</instanceId><imageId>ami-1</imageId><instanceState><code>16</code><name>running</name>
</instanceState><instanceType>m5.large</instanceType><launchTime>2026-03-01T08:15:07.000Z</launchTime>
<placement><availabilityZone>eu-west-1a</availabilityZone></placement><monitoring><state>enabled</state>
</monitoring><vpcId>vpc-1</vpcId><privateIpAddress>10.0.0.4</privateIpAddress><ipAddress>54.0.0.4</ipAddress>
<tagSet><item><key>Name</key><value>web &amp; more</value></item><item><key>team</key><value/></item></tagSet>
<instanceLifecycle>spot</instanceLifecycle><platformDetails>Linux/UNIX</platformDetails>
"""
BARE = (
    "<instanceId>i-2</instanceId><instanceType>t3.micro</instanceType><instanceState><name>stopped</name>"
    "</instanceState>"
)


def answer(operation, content):
    return f'<{operation}Response xmlns="{NAMESPACE}">{content}</{operation}Response>'.encode()


def instances(*items, token=""):
    listed = "".join(f"<item><instancesSet><item>{item}</item></instancesSet></item>" for item in items)
    after = f"<nextToken>{token}</nextToken>" if token else ""
    return answer("DescribeInstances", f"<reservationSet>{listed}</reservationSet>{after}")


def volumes(*items):
    listed = "".join(f"<item>{item}</item>" for item in items)
    return answer("DescribeVolumes", f"<volumeSet>{listed}</volumeSet>")


def only(pages):
    [[record]] = pages
    return record


def test_an_instance(aws, cloud):
    aws.say(instances(FULL))
    assert only(ec2.instance_pages(cloud, "eu-west-1")) == InstanceRecord(
        instance_id="i-1",
        instance_type="m5.large",
        state="running",
        name="web & more",
        availability_zone="eu-west-1a",
        platform="Linux/UNIX",
        lifecycle="spot",
        detailed_monitoring=True,
        image_id="ami-1",
        vpc_id="vpc-1",
        private_ip="10.0.0.4",
        public_ip="54.0.0.4",
        tags={"Name": "web & more", "team": ""},
        launched_at=datetime(2026, 3, 1, 8, 15, 7, tzinfo=UTC),
    )


def test_an_instance_of_which_little_is_said(aws, cloud):
    aws.say(instances(BARE))
    found = only(ec2.instance_pages(cloud, "eu-west-1"))
    assert (found.name, found.lifecycle, found.public_ip, found.tags) == ("", "", "", {})
    assert (found.detailed_monitoring, found.launched_at) == (False, None)


def test_a_long_name_is_cut_to_its_column(aws, cloud):
    tag = f"<tagSet><item><key>Name</key><value>{'x' * 300}</value></item></tagSet>"
    aws.say(instances(BARE + tag))
    assert len(only(ec2.instance_pages(cloud, "eu-west-1")).name) == 256


def test_pages_follow_each_other(aws, cloud):
    aws.say(instances(FULL, token="t-1")).say(instances(BARE))
    pages = ec2.instance_pages(cloud, "eu-west-1")
    assert [record.instance_id for record in next(pages)] == ["i-1"]
    assert len(aws.requests) == 1
    assert [record.instance_id for record in next(pages)] == ["i-2"]
    assert [(asked["MaxResults"], asked.get("NextToken")) for asked in aws.asked()] == [
        ("1000", None),
        ("1000", "t-1"),
    ]


def test_a_token_that_comes_again_is_not_followed_for_ever(aws, cloud):
    aws.say(instances(FULL, token="t-1"))
    with pytest.raises(PermanentCloudError, match="token"):
        list(ec2.instance_pages(cloud, "eu-west-1"))
    assert len(aws.requests) == 2


def test_an_empty_account_has_one_empty_page(aws, cloud):
    aws.say(instances())
    assert list(ec2.instance_pages(cloud, "eu-west-1")) == [[]]


def test_a_later_page_that_fails_fails_the_scan(aws, cloud):
    aws.say(instances(FULL, token="t-1")).refuse_xml("InternalError", status=500)
    pages = ec2.instance_pages(cloud, "eu-west-1")
    assert len(next(pages)) == 1
    with pytest.raises(TransientCloudError):
        next(pages)


@pytest.mark.parametrize(
    "body",
    [instances(FULL)[:-40], b"", b"<html><body>Hello</body></html>", answer("DescribeInstances", "")],
    ids=["torn", "empty", "HTML", "no reservations"],
)
def test_an_answer_that_is_none_is_not_taken_for_an_empty_account(aws, cloud, body):
    aws.say(body)
    with pytest.raises(TransientCloudError, match="ec2:DescribeInstances in eu-west-1"):
        list(ec2.instance_pages(cloud, "eu-west-1"))


def test_an_instance_without_a_state_is_refused(aws, cloud):
    aws.say(instances("<instanceId>i-1</instanceId><instanceType>t3.micro</instanceType>"))
    with pytest.raises(TransientCloudError, match="no State"):
        list(ec2.instance_pages(cloud, "eu-west-1"))


def test_throttling_is_retried_and_then_transient(aws, cloud, tally):
    aws.refuse_xml("RequestLimitExceeded", status=503)
    with pytest.raises(TransientCloudError, match="RequestLimitExceeded"):
        list(ec2.instance_pages(cloud, "eu-west-1"))
    assert tally.calls == 4


@pytest.mark.parametrize(
    ("code", "status"),
    [("UnauthorizedOperation", 403), ("RequestExpired", 400), ("AuthFailure", 401), ("OptInRequired", 401)],
)
def test_a_refusal_is_permanent_and_not_repeated(aws, cloud, tally, code, status):
    aws.refuse_xml(code, status=status)
    with pytest.raises(PermanentCloudError, match=code):
        list(ec2.instance_pages(cloud, "eu-west-1"))
    assert tally.calls == 1


def test_one_failing_region_leaves_the_others_alone(aws, cloud):
    aws.refuse_xml("AuthFailure", status=401).say(instances(FULL))
    with pytest.raises(PermanentCloudError, match="in ap-east-1"):
        list(ec2.instance_pages(cloud, "ap-east-1"))
    assert only(ec2.instance_pages(cloud, "eu-west-1")).instance_id == "i-1"


def test_a_volume(aws, cloud):
    aws.say(
        volumes(
            "<volumeId>vol-1</volumeId><size>8</size><availabilityZone>eu-west-1a</availabilityZone>"
            "<status>in-use</status><createTime>2026-03-01T08:15:07.000Z</createTime><attachmentSet><item>"
            "<instanceId>i-1</instanceId><device>/dev/xvda</device><status>attached</status></item>"
            "</attachmentSet><volumeType>gp3</volumeType><iops>3000</iops><throughput>125</throughput>"
            "<encrypted>true</encrypted><tagSet><item><key>a</key><value>b</value></item></tagSet>"
        )
    )
    assert only(ec2.volume_pages(cloud, "eu-west-1")) == VolumeRecord(
        volume_id="vol-1",
        volume_type="gp3",
        state="in-use",
        size_gib=8,
        iops=3000,
        throughput_mibps=125,
        encrypted=True,
        availability_zone="eu-west-1a",
        attached_to="i-1",
        device="/dev/xvda",
        tags={"a": "b"},
        created_at=datetime(2026, 3, 1, 8, 15, 7, tzinfo=UTC),
    )


LOOSE = "<volumeId>vol-1</volumeId><size>8</size><status>available</status><volumeType>st1</volumeType>"


def test_what_a_volume_does_not_say_is_unknown(aws, cloud):
    aws.say(volumes(LOOSE))
    found = only(ec2.volume_pages(cloud, "eu-west-1"))
    assert (found.iops, found.throughput_mibps, found.created_at) == (None, None, None)
    assert (found.attached_to, found.device, found.encrypted) == ("", "", False)


def test_a_volume_counts_as_attached_where_it_stays_attached(aws, cloud):
    held = "".join(
        f"<item><instanceId>{instance}</instanceId><status>{state}</status></item>"
        for instance, state in (("i-1", "detaching"), ("i-3", "attached"), ("i-2", "attached"))
    )
    aws.say(volumes(f"{LOOSE}<attachmentSet>{held}</attachmentSet>"))
    assert only(ec2.volume_pages(cloud, "eu-west-1")).attached_to == "i-2"


def test_only_enabled_regions_are_listed(aws, cloud):
    regions = {"us-east-1": "opt-in-not-required", "me-south-1": "not-opted-in", "af-south-1": "opted-in"}
    listed = "".join(
        f"<item><regionName>{name}</regionName><optInStatus>{status}</optInStatus></item>"
        for name, status in regions.items()
    )
    aws.say(answer("DescribeRegions", f"<regionInfo>{listed}</regionInfo>"))
    assert ec2.enabled_regions(cloud) == ["af-south-1", "us-east-1"]
