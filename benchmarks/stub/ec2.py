"""EC2: pages of instances and volumes, rendered when the stub starts."""

import random
from dataclasses import dataclass
from functools import partial
from itertools import accumulate

from benchmarks import answers
from benchmarks.stub.estate import PAGE, Estate
from benchmarks.stub.protocol import Answer, Call, Handler
from democloud.protocol import AwsError

_MARK = "@prefix"
"""Stands in the template for the seven digits that tell one page's ids from another's."""

_FEWEST, _MOST = 5, PAGE
_VOLUME = """
        <item>
            <volumeId>vol-{token}</volumeId>
            <size>64</size>
            <snapshotId>snap-0123456789abcdef0</snapshotId>
            <availabilityZone>eu-west-1a</availabilityZone>
            <status>in-use</status>
            <createTime>2026-02-03T08:09:07.000Z</createTime>
            <attachmentSet>
                <item>
                    <volumeId>vol-{token}</volumeId>
                    <instanceId>i-{instance}</instanceId>
                    <device>/dev/xvda</device>
                    <status>attached</status>
                    <attachTime>2026-02-03T08:09:08.000Z</attachTime>
                    <deleteOnTermination>true</deleteOnTermination>
                </item>
            </attachmentSet>
            <volumeType>gp3</volumeType>
            <iops>3000</iops>
            <encrypted>true</encrypted>
            <multiAttachEnabled>false</multiAttachEnabled>
            <throughput>125</throughput>
        </item>"""
_NAMESPACE = answers.EC2_NAMESPACE


@dataclass(frozen=True, slots=True)
class _Pages:
    """One kind of resource: `total` items, the full pages of each region ready, and where items begin."""

    action: str
    member: str
    total: int
    pages: dict[str, list[bytes]]
    offsets: list[int]

    def answer(self, region: str, first: int, size: int) -> bytes:
        """Render `size` items from `first` on; a whole page is ready."""
        end = min(first + size, self.total)
        items = b"".join(
            self._items(region, page, first, end) for page in range(first // PAGE, -(-end // PAGE))
        )
        token = f"<nextToken>{end}</nextToken>" if end < self.total else ""
        head = (
            f'<?xml version="1.0" encoding="UTF-8"?>\n<{self.action}Response xmlns="{_NAMESPACE}">\n'
            f"    <requestId>8f7724cf-496f-496e-8fe3-example</requestId>\n    <{self.member}>"
        )
        return b"".join((head.encode(), items, f"</{self.member}>{token}</{self.action}Response>".encode()))

    def _items(self, region: str, page: int, first: int, end: int) -> bytes:
        begin, stop = max(0, first - page * PAGE), min(PAGE, end - page * PAGE)
        return self.pages[region][page][self.offsets[begin] : self.offsets[stop]]


class Ec2:
    """The EC2 of every account."""

    def __init__(self, estate: Estate) -> None:
        self._estate = estate
        self._instances = _rendered("DescribeInstances", "reservationSet", estate, _instances(), 1)
        self._volumes = _rendered("DescribeVolumes", "volumeSet", estate, _volumes(), estate.volumes)
        self.actions: dict[str, Handler] = {
            "DescribeInstances": partial(self._describe, self._instances),
            "DescribeVolumes": partial(self._describe, self._volumes),
            "DescribeRegions": self._regions,
        }

    def _describe(self, pages: _Pages, call: Call) -> Answer:
        size = _page_size(call)
        first = _first(call, pages.total)
        if call.region not in self._estate.regions:
            raise AwsError(
                "AuthFailure", "AWS was not able to validate the provided access credentials", status=401
            )
        return Answer(pages.answer(call.region, first, size))

    def _regions(self, _call: Call) -> Answer:
        items = "".join(
            f"<item><regionName>{region}</regionName><regionEndpoint>ec2.{region}.amazonaws.com</regionEndpoint>"
            "<optInStatus>opt-in-not-required</optInStatus></item>"
            for region in self._estate.regions
        )
        body = (
            f'<DescribeRegionsResponse xmlns="{_NAMESPACE}"><requestId>stub</requestId>'
            f"<regionInfo>{items}</regionInfo></DescribeRegionsResponse>"
        )
        return Answer(body.encode())


def _instances() -> list[str]:
    chance = random.Random(1)  # noqa: S311  # not for secrets: the same estate in every process
    return [answers.instance(place, chance, token=f"{_MARK}{place:010x}") for place in range(PAGE)]


def _volumes() -> list[str]:
    return [
        _VOLUME.format(token=f"{_MARK}{place:010x}", instance=f"{_MARK}{place:010x}") for place in range(PAGE)
    ]


def _rendered(action: str, member: str, estate: Estate, items: list[str], each: int) -> _Pages:
    """Render all pages; `each` is how many of these an instance has, 0 or 1."""
    total = estate.instances * each
    raw = [item.encode() for item in items]
    template, mark = b"".join(raw), _MARK.encode()
    pages = {
        region: [
            template.replace(mark, estate.prefix(region, page).encode()) for page in range(-(-total // PAGE))
        ]
        for region in estate.regions
    }
    return _Pages(action, member, total, pages, list(accumulate(map(len, raw), initial=0)))


def _page_size(call: Call) -> int:
    if any(name.startswith(("Filter.", "InstanceId.", "VolumeId.")) for name in call.parameters):
        raise AwsError("InvalidParameterValue", f"The stub's {call.action} does not filter")
    size = int(call.parameters.get("MaxResults", _MOST))
    if not _FEWEST <= size <= _MOST:
        raise AwsError("InvalidParameterValue", f"Value ( {size} ) for parameter maxResults is invalid.")
    return size


def _first(call: Call, total: int) -> int:
    token = str(call.parameters.get("NextToken", "0"))
    if not token.isdecimal() or int(token) > total:
        raise AwsError("InvalidNextToken", "The nextToken is malformed")
    return int(token)
