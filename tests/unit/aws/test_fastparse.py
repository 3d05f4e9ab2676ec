"""The hooks take over the long answers, all of them, and nothing else."""

import json
from itertools import count

import pytest

from collectors.aws import fastparse, wanted
from collectors.aws.session import Access, Cloud
from tests.unit.aws.both import Both, assert_read_fast_and_equal
from tests.unit.aws.test_ec2 import FULL, instances

SCALARS = {"boolean": True, "integer": 7, "long": 2**40, "double": 0.1, "float": 2.5}


@pytest.mark.parametrize("operation", ["DescribeInstances", "DescribeVolumes"])
def test_every_member_that_ec2_knows(operation):
    both = Both("ec2", operation)
    assert_read_fast_and_equal(both, complete(both))


@pytest.mark.parametrize(
    ("operation", "members"), [("DescribeInstances", wanted.INSTANCES), ("DescribeVolumes", wanted.VOLUMES)]
)
def test_what_is_wanted_and_no_more(operation, members):
    both = Both("ec2", operation, members)
    parsed, fast = both.hooked(complete(both))
    assert fast
    assert parsed == only(both.botocore(complete(both)), {**members, "ResponseMetadata": True})


def complete(both):
    """An answer with all members."""
    members = xml(both.model.output_shape, count())
    return f"<{both.operation}Response>{members}</{both.operation}Response>".encode()


def only(value, members):
    """What is wanted of a value."""
    if members is True:
        return value
    if isinstance(value, list):
        return [only(item, members) for item in value]
    return {name: only(value[name], below) for name, below in members.items()}


def test_every_member_that_cloudwatch_knows():
    both = Both("cloudwatch", "GetMetricData")
    assert_read_fast_and_equal(both, json.dumps(plain(both.model.output_shape, count())).encode())


def xml(shape, numbers):
    """Write a value of a shape as EC2 does, with all members and two items to each list."""
    if shape.type_name == "structure":
        tags = ((member.serialization.get("name", name), member) for name, member in shape.members.items())
        return "".join(f"<{tag}>{xml(member, numbers)}</{tag}>" for tag, member in tags)
    if shape.type_name == "list":
        return "".join(f"<item>{xml(shape.member, numbers)}</item>" for _ in range(2))
    value = scalar(shape, numbers)
    return str(value).lower() if value is True else str(value)


def plain(shape, numbers):
    """Make a value of a shape as it is in JSON, with all members and two items to each list."""
    if shape.type_name == "structure":
        return {name: plain(member, numbers) for name, member in shape.members.items()}
    if shape.type_name == "list":
        return [plain(shape.member, numbers) for _ in range(2)]
    return scalar(shape, numbers)


def scalar(shape, numbers):
    if shape.type_name == "timestamp":
        return f"2026-03-01T08:15:{next(numbers) % 60:02}.000Z"
    return SCALARS.get(shape.type_name, f"text {next(numbers)}")


def test_a_call_through_the_hooks_has_all_that_botocore_tells(aws, cloud, caplog):
    caplog.set_level("INFO", logger=fastparse.__name__)
    body = instances(FULL).replace(b"<reservationSet>", b"<requestId>r-1</requestId><reservationSet>")
    aws.refuse_xml("RequestLimitExceeded", status=503).say(body)
    answer = cloud.client("ec2", "eu-west-1").describe_instances()
    metadata = answer["ResponseMetadata"]
    assert (metadata["RequestId"], metadata["HTTPStatusCode"], metadata["RetryAttempts"]) == ("r-1", 200, 1)
    assert answer["Reservations"][0]["Instances"][0]["InstanceId"] == "i-1"
    assert caplog.messages == []


def test_what_is_left_to_botocore_is_logged_without_the_answer(aws, cloud, caplog):
    caplog.set_level("INFO", logger=fastparse.__name__)
    aws.say(b"<html>SECRET</html>")
    cloud.client("ec2", "eu-west-1").describe_instances()
    assert caplog.messages == ["DescribeInstances is left to botocore's parser: UnknownShapeError"]


def test_other_operations_stay_with_botocore(aws, tally):
    aws.say(b"<DescribeRegionsResponse><regionInfo/></DescribeRegionsResponse>")
    client = Cloud(Access(account_id=None), tally).client("ec2", "eu-west-1")
    bodies = []
    client.meta.events.register_last(
        "before-parse.ec2.DescribeRegions", lambda response_dict, **_: bodies.append(response_dict["body"])
    )
    assert client.describe_regions()["Regions"] == []
    assert bodies == [b"<DescribeRegionsResponse><regionInfo/></DescribeRegionsResponse>"]
