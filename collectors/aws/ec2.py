"""EC2 instances and EBS volumes, a page at a time."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from collectors.aws import fastparse
from collectors.aws.errors import torn, translated
from collectors.aws.paging import asked_with, next_token
from collectors.aws.session import HOME_REGION, Cloud

PAGE_SIZE = 1000
_OPTED_IN = frozenset({"opt-in-not-required", "opted-in"})
_DETACHED = frozenset({"detaching", "detached"})
# The last member of an answer: what stands there is a token, and not a part of somebody's tag.
_NEXT_TOKEN = re.compile(rb"<nextToken>([^<>&\s]+)</nextToken>\s*</\w+>\s*\Z")
_LONGEST_TOKEN = 8192
# Such as "User initiated (2026-03-01 08:15:07 GMT)"; EC2 leaves the time out of some.
_WHEN = re.compile(r"\((\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) GMT\)")

OnNext = Callable[[str], None]
"""What is told of the next page's token, as soon as it is known."""


@dataclass(frozen=True, slots=True)
class InstanceRecord:
    """An EC2 instance as one page described it."""

    instance_id: str
    instance_type: str
    state: str
    name: str
    availability_zone: str
    platform: str
    lifecycle: str
    detailed_monitoring: bool
    image_id: str
    vpc_id: str
    private_ip: str
    public_ip: str
    tags: dict[str, str]
    launched_at: datetime | None
    stopped_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class VolumeRecord:
    """An EBS volume as one page described it; of several attachments, the first."""

    volume_id: str
    volume_type: str
    state: str
    size_gib: int
    iops: int | None
    throughput_mibps: int | None
    encrypted: bool
    availability_zone: str
    attached_to: str
    device: str
    tags: dict[str, str]
    created_at: datetime | None


def enabled_regions(cloud: Cloud) -> list[str]:
    """Return the regions that the account can use.

    Raises: TransientCloudError, PermanentCloudError.
    """
    what = f"ec2:DescribeRegions in {HOME_REGION}"
    client = cloud.client("ec2", HOME_REGION)
    with translated(what):
        answer = client.describe_regions()
    # Where the status is left out, the list itself says it: by default it holds none but enabled regions.
    return sorted(
        region["RegionName"]
        for region in _member(answer, "Regions", what)
        if region.get("OptInStatus", "opted-in") in _OPTED_IN
    )


def instance_page(
    cloud: Cloud, region: str, token: str | None, *, on_next: OnNext
) -> tuple[list[InstanceRecord], str | None]:
    """Return a page of a region's instances, and the next one's token unless it is the last.

    Terminated instances are among them for as long as EC2 shows them. `on_next` is called with that token
    once, before the page is parsed where that can be, and therefore also for pages that cannot be read.
    Raises: TransientCloudError, PermanentCloudError.
    """
    what = f"ec2:DescribeInstances in {region}"
    ask = cloud.client("ec2", region).describe_instances
    page, following = _page(ask, token, what, on_next)
    reservations = _member(page, "Reservations", what)
    raw = (one for reservation in reservations for one in reservation.get("Instances", ()))
    return [_instance(one, what) for one in raw], following


def volume_page(
    cloud: Cloud, region: str, token: str | None, *, on_next: OnNext
) -> tuple[list[VolumeRecord], str | None]:
    """Return a page of a region's volumes, and the next one's token, as `instance_page` does.

    Raises: TransientCloudError, PermanentCloudError.
    """
    what = f"ec2:DescribeVolumes in {region}"
    ask = cloud.client("ec2", region).describe_volumes
    page, following = _page(ask, token, what, on_next)
    return [_volume(one, what) for one in _member(page, "Volumes", what)], following


def _page(
    ask: Callable[..., Mapping[str, Any]], token: str | None, what: str, on_next: OnNext
) -> tuple[Mapping[str, Any], str | None]:
    told: list[str] = []

    def look(body: bytes) -> None:
        found = _NEXT_TOKEN.search(body, max(0, len(body) - _LONGEST_TOKEN))
        if found and not told and (following := found[1].decode()) != token:
            told.append(following)
            on_next(following)

    with translated(what), fastparse.showing(look):
        page = ask(MaxResults=PAGE_SIZE, **asked_with(token))
    following = next_token(page, token, what)
    if following and not told:
        on_next(following)
    return page, following


def _member(answer: Mapping[str, Any], name: str, what: str) -> Any:
    """Return a member that every answer has; without it, nothing found would pass for nothing there."""
    try:
        return answer[name]
    except KeyError:
        raise torn(what, f"no {name}") from None


def _instance(raw: Mapping[str, Any], what: str) -> InstanceRecord:
    tags = _tags(raw)
    return InstanceRecord(
        instance_id=_member(raw, "InstanceId", what),
        instance_type=_member(raw, "InstanceType", what),
        state=_member(_member(raw, "State", what), "Name", what),
        name=tags.get("Name", "")[:256],
        availability_zone=raw.get("Placement", {}).get("AvailabilityZone", ""),
        platform=raw.get("PlatformDetails") or raw.get("Platform", ""),
        lifecycle=raw.get("InstanceLifecycle", ""),
        detailed_monitoring=raw.get("Monitoring", {}).get("State") == "enabled",
        image_id=raw.get("ImageId", ""),
        vpc_id=raw.get("VpcId", ""),
        private_ip=raw.get("PrivateIpAddress", ""),
        public_ip=raw.get("PublicIpAddress", ""),
        tags=tags,
        launched_at=raw.get("LaunchTime"),
        stopped_at=_stopped_at(raw),
    )


def _stopped_at(raw: Mapping[str, Any]) -> datetime | None:
    """Return when an instance that is stopped was; None where it is not, or EC2 does not say."""
    found = _WHEN.search(raw.get("StateTransitionReason", "")) if raw["State"]["Name"] == "stopped" else None
    if found is None:
        return None
    try:
        return datetime.fromisoformat(found[1]).replace(tzinfo=UTC)
    except ValueError:
        return None


def _volume(raw: Mapping[str, Any], what: str) -> VolumeRecord:
    attachment = _attachment(raw.get("Attachments", ()))
    return VolumeRecord(
        volume_id=_member(raw, "VolumeId", what),
        volume_type=_member(raw, "VolumeType", what),
        state=_member(raw, "State", what),
        size_gib=_member(raw, "Size", what),
        iops=raw.get("Iops"),
        throughput_mibps=raw.get("Throughput"),
        encrypted=raw.get("Encrypted", False),
        availability_zone=raw.get("AvailabilityZone", ""),
        attached_to=attachment.get("InstanceId", ""),
        device=attachment.get("Device", ""),
        tags=_tags(raw),
        created_at=raw.get("CreateTime"),
    )


def _attachment(attachments: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Return the first attachment by instance id that is not on its way out, else an empty one."""
    held = [one for one in attachments if one.get("State") not in _DETACHED]
    return min(held, key=lambda one: str(one.get("InstanceId", "")), default={})


def _tags(raw: Mapping[str, Any]) -> dict[str, str]:
    return {tag["Key"]: tag.get("Value", "") for tag in raw.get("Tags", ()) if "Key" in tag}
