"""What the adapters read of EC2's long answers; the fast parsers pass over everything else.

A member that is not named here is absent from what a client answers, so whoever reads one adds it.
"""

from collections.abc import Mapping
from typing import Any

Wanted = Mapping[str, Any]
"""Members by botocore's names: True for one without members of its own, else what is wanted below it."""

_TAGS = {"Key": True, "Value": True}
_INSTANCE = {
    "ImageId": True,
    "InstanceId": True,
    "InstanceLifecycle": True,
    "InstanceType": True,
    "LaunchTime": True,
    "Monitoring": {"State": True},
    "Placement": {"AvailabilityZone": True},
    "Platform": True,
    "PlatformDetails": True,
    "PrivateIpAddress": True,
    "PublicIpAddress": True,
    "State": {"Name": True},
    "StateTransitionReason": True,
    "Tags": _TAGS,
    "VpcId": True,
}
_VOLUME = {
    "Attachments": {"Device": True, "InstanceId": True, "State": True},
    "AvailabilityZone": True,
    "CreateTime": True,
    "Encrypted": True,
    "Iops": True,
    "Size": True,
    "State": True,
    "Tags": _TAGS,
    "Throughput": True,
    "VolumeId": True,
    "VolumeType": True,
}

INSTANCES: Wanted = {"NextToken": True, "Reservations": {"Instances": _INSTANCE}}
VOLUMES: Wanted = {"NextToken": True, "Volumes": _VOLUME}

BULKY_IN_INSTANCES = "networkInterfaceSet"
"""An element that is nearly half of an instance, and of which nothing is wanted."""
