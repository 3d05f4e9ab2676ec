"""What the autoscaler asks of AWS when it acts: Auto Scaling groups, and EC2 instances to be resized.

Each function is one call, or the pages of one; botocore's failures come out as CloudIntel's.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from collectors.aws.errors import torn, translated
from collectors.aws.instance_types import InstanceFacts, from_api
from collectors.aws.paging import asked_with, next_token
from collectors.aws.session import Cloud
from core.errors import PermanentCloudError

_TYPES_A_PAGE = 100
_NO_CAPACITY = frozenset({"InsufficientInstanceCapacity", "InsufficientHostCapacity", "InsufficientCapacity"})


# --- Auto Scaling groups ---------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Group:
    """An Auto Scaling group: how many instances it may and should have."""

    name: str
    smallest: int
    largest: int
    desired: int


def group_of(cloud: Cloud, region: str, instance_id: str) -> str | None:
    """Return the name of the instance's group, None where it is in none.

    Raises: TransientCloudError, PermanentCloudError.
    """
    client = cloud.client("autoscaling", region)
    with translated(f"autoscaling:DescribeAutoScalingInstances in {region}"):
        found = client.describe_auto_scaling_instances(InstanceIds=[instance_id])
    names: list[str] = [one["AutoScalingGroupName"] for one in found["AutoScalingInstances"]]
    return names[0] if names else None


def group(cloud: Cloud, region: str, name: str) -> Group:
    """Return the group of that name.

    Raises: PermanentCloudError where there is none, TransientCloudError.
    """
    client = cloud.client("autoscaling", region)
    with translated(f"autoscaling:DescribeAutoScalingGroups in {region}"):
        found = client.describe_auto_scaling_groups(AutoScalingGroupNames=[name])["AutoScalingGroups"]
    if not found:
        raise PermanentCloudError(f"There is no Auto Scaling group {name} in {region} any more.")
    return Group(name, found[0]["MinSize"], found[0]["MaxSize"], found[0]["DesiredCapacity"])


def set_desired(cloud: Cloud, region: str, name: str, desired: int) -> None:
    """Have the group strive for so many instances, its own cooldown aside: policies have theirs.

    Raises: TransientCloudError, after which it may have happened, PermanentCloudError.
    """
    client = cloud.client("autoscaling", region)
    with translated(f"autoscaling:SetDesiredCapacity in {region}"):
        client.set_desired_capacity(AutoScalingGroupName=name, DesiredCapacity=desired, HonorCooldown=False)


# --- Instances -------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Machine:
    """An instance as EC2 describes it at the moment."""

    instance_id: str
    instance_type: str
    state: str
    architecture: str = ""
    virtualization: str = ""
    root_device: str = ""
    lifecycle: str = ""


def machine(cloud: Cloud, region: str, instance_id: str) -> Machine:
    """Return the instance. Raises: PermanentCloudError where there is none, TransientCloudError."""
    what = f"ec2:DescribeInstances in {region}"
    client = cloud.client("ec2", region)
    with translated(what):
        answer = client.describe_instances(InstanceIds=[instance_id])
    try:
        raw = answer["Reservations"][0]["Instances"][0]
        return Machine(
            instance_id=raw["InstanceId"],
            instance_type=raw["InstanceType"],
            state=raw["State"]["Name"],
            architecture=raw.get("Architecture", ""),
            virtualization=raw.get("VirtualizationType", ""),
            root_device=raw.get("RootDeviceType", ""),
            lifecycle=raw.get("InstanceLifecycle", ""),
        )
    except LookupError:
        raise torn(what, f"no {instance_id}") from None


def sizes(cloud: Cloud, region: str, family: str) -> list[InstanceFacts]:
    """Return the types of a family, such as t3, that the region has.

    Raises: TransientCloudError, PermanentCloudError.
    """
    return [from_api(raw) for raw in _types(cloud, region, f"{family}.*")]


def _types(cloud: Cloud, region: str, pattern: str) -> Iterator[dict[str, Any]]:
    what = f"ec2:DescribeInstanceTypes in {region}"
    client, token = cloud.client("ec2", region), None
    wanted = [{"Name": "instance-type", "Values": [pattern]}]
    while True:
        with translated(what):
            page = client.describe_instance_types(
                Filters=wanted, MaxResults=_TYPES_A_PAGE, **asked_with(token)
            )
        yield from page["InstanceTypes"]
        token = next_token(page, token, what)
        if token is None:
            return


def stop(cloud: Cloud, region: str, instance_id: str) -> None:
    """Have the instance stop. Raises: TransientCloudError, PermanentCloudError."""
    client = cloud.client("ec2", region)
    with translated(f"ec2:StopInstances in {region}"):
        client.stop_instances(InstanceIds=[instance_id])


def change_type(cloud: Cloud, region: str, instance_id: str, instance_type: str) -> None:
    """Make a stopped instance one of another type. Raises: TransientCloudError, PermanentCloudError."""
    client = cloud.client("ec2", region)
    with translated(f"ec2:ModifyInstanceAttribute in {region}"):
        client.modify_instance_attribute(InstanceId=instance_id, InstanceType={"Value": instance_type})


def start(cloud: Cloud, region: str, instance_id: str) -> None:
    """Have the instance start.

    Raises: TransientCloudError, after which it may have happened, PermanentCloudError, also where AWS has no
    capacity of its type.
    """
    client, what = cloud.client("ec2", region), f"ec2:StartInstances in {region}"
    with translated(what):
        try:
            client.start_instances(InstanceIds=[instance_id])
        except ClientError as error:
            # EC2 answers so with a status that says "try again"; for an instance that waits, it is a refusal.
            if (code := error.response.get("Error", {}).get("Code")) in _NO_CAPACITY:
                raise PermanentCloudError(f"{what} was refused ({code}).") from None
            raise
