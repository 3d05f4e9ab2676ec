"""Instances and volumes come a page at a time, complete or not at all."""

from datetime import UTC, datetime

import pytest

from collectors.aws import ec2, fastxml
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


def instance_page(cloud, token=None, *, region="eu-west-1"):
    """The page's records, the next page's token, and what was told of it."""
    told = []
    return *ec2.instance_page(cloud, region, token, on_next=told.append), told


def only_instance(cloud):
    [record], _, _ = instance_page(cloud)
    return record


def only_volume(cloud):
    [record], _ = ec2.volume_page(cloud, "eu-west-1", None, on_next=pytest.fail)
    return record


def test_an_instance(aws, cloud):
    aws.say(instances(FULL))
    assert only_instance(cloud) == InstanceRecord(
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
    found = only_instance(cloud)
    assert (found.name, found.lifecycle, found.public_ip, found.tags) == ("", "", "", {})
    assert (found.detailed_monitoring, found.launched_at) == (False, None)


@pytest.mark.parametrize(
    ("reason", "stopped_at"),
    [
        ("User initiated (2026-03-01 08:15:07 GMT)", datetime(2026, 3, 1, 8, 15, 7, tzinfo=UTC)),
        (
            "Server.ScheduledStop: retired (2026-03-01 08:15:07 GMT)",
            datetime(2026, 3, 1, 8, 15, 7, tzinfo=UTC),
        ),
        ("User initiated", None),
        ("User initiated (2026-13-41 08:15:07 GMT)", None),
        ("", None),
    ],
)
def test_when_an_instance_was_stopped_is_told_where_ec2_does(aws, cloud, reason, stopped_at):
    aws.say(instances(f"{BARE}<reason>{reason}</reason>"))
    assert only_instance(cloud).stopped_at == stopped_at


def test_what_runs_was_not_stopped_whatever_it_was_before(aws, cloud):
    aws.say(instances(f"{FULL}<reason>User initiated (2026-03-01 08:15:07 GMT)</reason>"))
    assert only_instance(cloud).stopped_at is None


def test_a_long_name_is_cut_to_its_column(aws, cloud):
    tag = f"<tagSet><item><key>Name</key><value>{'x' * 300}</value></item></tagSet>"
    aws.say(instances(BARE + tag))
    assert len(only_instance(cloud).name) == 256


def test_pages_follow_each_other(aws, cloud):
    aws.say(instances(FULL, token="t-1")).say(instances(BARE))
    first, token, _ = instance_page(cloud)
    second, last, told = instance_page(cloud, token)
    assert [record.instance_id for record in first + second] == ["i-1", "i-2"]
    assert (token, last, told) == ("t-1", None, [])
    assert [(asked["MaxResults"], asked.get("NextToken")) for asked in aws.asked()] == [
        ("1000", None),
        ("1000", "t-1"),
    ]


def test_the_next_page_is_told_before_this_one_is_parsed(aws, cloud, monkeypatch):
    order = []
    monkeypatch.setattr(fastxml, "_tree", lambda *_: order.append("parse"))
    aws.say(instances(BARE, token="t+/=-1"))
    ec2.instance_page(cloud, "eu-west-1", None, on_next=order.append)
    assert order == ["t+/=-1", "parse"]


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(instances(BARE, token="t&amp;1"), id="escaped"),
        pytest.param(instances(BARE, token="t&1").replace(b"&", b"<![CDATA[&]]>"), id="CDATA"),
        pytest.param(
            answer("DescribeInstances", "<nextToken>t&amp;1</nextToken><reservationSet/>"), id="in front"
        ),
    ],
)
def test_a_token_that_is_no_plain_end_is_told_after_parsing(aws, cloud, body):
    aws.say(body)
    _, token, told = instance_page(cloud)
    assert (token, told) == ("t&1", ["t&1"])


def test_a_tag_is_not_taken_for_a_token(aws, cloud):
    tag = "<tagSet><item><key>a</key><value>&lt;nextToken&gt;t&lt;/nextToken&gt;</value></item></tagSet>"
    aws.say(instances(BARE + tag))
    assert instance_page(cloud)[1:] == (None, [])


@pytest.mark.parametrize("token", ["t-1", "t&amp;1"])
def test_a_token_that_comes_again_is_not_followed_for_ever(aws, cloud, token):
    aws.say(instances(FULL, token=token))
    told = []
    with pytest.raises(TransientCloudError, match="the token that it was asked with"):
        ec2.instance_page(cloud, "eu-west-1", token.replace("amp;", ""), on_next=told.append)
    assert told == []


def test_an_empty_account_has_one_empty_page(aws, cloud):
    aws.say(instances())
    assert instance_page(cloud) == ([], None, [])


def test_a_page_that_is_refused_tells_of_no_other(aws, cloud):
    aws.refuse_xml("InternalError", status=500)
    with pytest.raises(TransientCloudError):
        ec2.instance_page(cloud, "eu-west-1", "t-1", on_next=pytest.fail)


@pytest.mark.parametrize(
    "body",
    [instances(FULL)[:-40], b"", b"<html><body>Hello</body></html>", answer("DescribeInstances", "")],
    ids=["torn", "empty", "HTML", "no reservations"],
)
def test_an_answer_that_is_none_is_not_taken_for_an_empty_account(aws, cloud, body):
    aws.say(body)
    with pytest.raises(TransientCloudError, match="ec2:DescribeInstances in eu-west-1"):
        instance_page(cloud)


def test_an_instance_without_a_state_is_refused(aws, cloud):
    aws.say(instances("<instanceId>i-1</instanceId><instanceType>t3.micro</instanceType>"))
    with pytest.raises(TransientCloudError, match="no State"):
        instance_page(cloud)


def test_throttling_is_retried_and_then_transient(aws, cloud, tally):
    aws.refuse_xml("RequestLimitExceeded", status=503)
    with pytest.raises(TransientCloudError, match="RequestLimitExceeded"):
        instance_page(cloud)
    assert tally.calls == 4


@pytest.mark.parametrize(
    ("code", "status"),
    [("UnauthorizedOperation", 403), ("RequestExpired", 400), ("AuthFailure", 401), ("OptInRequired", 401)],
)
def test_a_refusal_is_permanent_and_not_repeated(aws, cloud, tally, code, status):
    aws.refuse_xml(code, status=status)
    with pytest.raises(PermanentCloudError, match=code):
        instance_page(cloud)
    assert tally.calls == 1


def test_one_failing_region_leaves_the_others_alone(aws, cloud):
    aws.refuse_xml("AuthFailure", status=401).say(instances(FULL))
    with pytest.raises(PermanentCloudError, match="in ap-east-1"):
        instance_page(cloud, region="ap-east-1")
    assert only_instance(cloud).instance_id == "i-1"


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
    assert only_volume(cloud) == VolumeRecord(
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
    found = only_volume(cloud)
    assert (found.iops, found.throughput_mibps, found.created_at) == (None, None, None)
    assert (found.attached_to, found.device, found.encrypted) == ("", "", False)


def test_a_volume_counts_as_attached_where_it_stays_attached(aws, cloud):
    held = "".join(
        f"<item><instanceId>{instance}</instanceId><status>{state}</status></item>"
        for instance, state in (("i-1", "detaching"), ("i-3", "attached"), ("i-2", "attached"))
    )
    aws.say(volumes(f"{LOOSE}<attachmentSet>{held}</attachmentSet>"))
    assert only_volume(cloud).attached_to == "i-2"


def test_volumes_come_by_pages_too(aws, cloud):
    aws.say(volumes(LOOSE).replace(b"</volumeSet>", b"</volumeSet><nextToken>t-2</nextToken>"))
    told = []
    [record], token = ec2.volume_page(cloud, "eu-west-1", "t-1", on_next=told.append)
    assert (record.volume_id, token, told) == ("vol-1", "t-2", ["t-2"])
    assert aws.asked()[0]["NextToken"] == "t-1"


@pytest.mark.parametrize(
    ("read", "body"),
    [
        (only_instance, instances(FULL)),
        (only_volume, volumes(LOOSE + "<encrypted>true</encrypted><attachmentSet/><tagSet/>")),
    ],
    ids=["instance", "volume"],
)
def test_what_is_left_to_botocore_makes_the_same_record(aws, cloud, read, body):
    aws.say(body).say(body.replace(b"<item>", b"<item><!-- unusual -->"))
    assert read(cloud) == read(cloud)


def test_only_enabled_regions_are_listed(aws, cloud):
    regions = {"us-east-1": "opt-in-not-required", "me-south-1": "not-opted-in", "af-south-1": "opted-in"}
    listed = "".join(
        f"<item><regionName>{name}</regionName><optInStatus>{status}</optInStatus></item>"
        for name, status in regions.items()
    )
    aws.say(answer("DescribeRegions", f"<regionInfo>{listed}</regionInfo>"))
    assert ec2.enabled_regions(cloud) == ["af-south-1", "us-east-1"]
