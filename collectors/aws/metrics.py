"""CPU, network and memory of instances, every five minutes or as often as they publish, from CloudWatch."""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING

from collectors.aws.errors import torn, translated
from collectors.aws.metricdata import (
    MOST_POINTS,
    MOST_QUERIES,
    Dimensions,
    Metric,
    Query,
    Series,
    Window,
    calls,
)
from collectors.aws.paging import asked_with, next_token
from collectors.aws.session import Cloud

if TYPE_CHECKING:
    from collectors.aws.grids import Grid

PERIOD_S = 300
"""Instances without detailed monitoring publish at this pace."""

MOST_PERIODS = MOST_POINTS // MOST_QUERIES
"""How long a window may be, so that the points of a full call fit into one answer."""

_WITHOUT_MEMORY = 3
_AGENT, _MEMORY = "CWAgent", "mem_used_percent"
_LISTED = {"Namespace": _AGENT, "MetricName": _MEMORY, "RecentlyActive": "PT3H"}
_UNASKED = Series()


@dataclass(frozen=True, slots=True)
class Target:
    """An instance to ask about; with the dimensions of its memory metric where it publishes one."""

    instance_id: str
    memory: Dimensions | None = None


@dataclass(frozen=True, slots=True)
class Readings:
    """What targets measured: in each grid a row for every target, a column for every moment, NaN if unknown.

    Percent for CPU and memory, bytes a period for the network. Moments ascend.
    """

    targets: Sequence[Target]
    moments: Sequence[datetime]
    cpu: "Grid"
    memory: "Grid"
    network_in: "Grid"
    network_out: "Grid"


def metric_queries(targets: int, with_memory: int = 0) -> int:
    """Return how many metrics a reading requests, which is what AWS charges for."""
    return targets * _WITHOUT_MEMORY + with_memory


def readings(
    cloud: Cloud, region: str, targets: Sequence[Target], window: Window, *, period_s: int = PERIOD_S
) -> Iterator[Readings]:
    """Yield what the targets measured in the window: after each call, of those that are complete with it.

    All metrics share calls of 500, wherever that cuts, so that n targets without memory take ceil(3n / 500).

    Raises: TransientCloudError, PermanentCloudError; what was yielded before then is whole.
    """
    waiting = deque(targets)
    queries = [query for target in targets for query in _queries(target, period_s)]
    answered: deque[Series] = deque()
    for series in calls(cloud, region, queries, window):
        answered += series
        complete = []
        while waiting and len(answered) >= _width(waiting[0]):
            target = waiting.popleft()
            complete.append((target, [answered.popleft() for _ in range(_width(target))]))
        found = _together(complete)
        if len(found.moments) > -(-(window.end - window.start) // timedelta(seconds=period_s)):
            raise torn(f"cloudwatch:GetMetricData in {region}", f"{len(found.moments)} moments")
        yield found


def _together(complete: Sequence[tuple[Target, list[Series]]]) -> Readings:
    from collectors.aws.grids import side_by_side  # noqa: PLC0415  # numpy, which most processes never need

    rows = [series if target.memory else [*series, _UNASKED] for target, series in complete]
    moments, (cpu, network_in, network_out, memory) = side_by_side(*zip(*rows, strict=True))
    return Readings([target for target, _ in complete], moments, cpu, memory, network_in, network_out)


def _width(target: Target) -> int:
    return metric_queries(1, bool(target.memory))


def _queries(target: Target, period_s: int) -> list[Query]:
    *of_every_instance, memory = _metrics(period_s)
    dimensions = {"InstanceId": target.instance_id}
    queries: list[Query] = [(metric, dimensions) for metric in of_every_instance]
    return [*queries, (memory, target.memory)] if target.memory else queries


@cache
def _metrics(period_s: int) -> tuple[Metric, Metric, Metric, Metric]:
    """Return what is asked of every instance, and last the memory, which only some publish."""
    # The network's metrics are bytes per period: only their sum means anything.
    return (
        Metric("AWS/EC2", "CPUUtilization", "Average", period_s),
        Metric("AWS/EC2", "NetworkIn", "Sum", period_s),
        Metric("AWS/EC2", "NetworkOut", "Sum", period_s),
        Metric(_AGENT, _MEMORY, "Average", period_s),
    )


def memory_page(cloud: Cloud, region: str, token: str | None) -> tuple[dict[str, dict[str, str]], str | None]:
    """Return under which dimensions instances publish their memory, by their ids, and the next page's token.

    That is what the CloudWatch agent of a page's instances does. Where one instance has several such metrics
    on it, which tell the same, it is the one with the fewest dimensions. Instances that were silent for three
    hours are not listed.

    Raises: TransientCloudError, PermanentCloudError.
    """
    what = f"cloudwatch:ListMetrics in {region}"
    client = cloud.client("cloudwatch", region)
    with translated(what):
        page = client.list_metrics(**_LISTED, **asked_with(token))
    if "Metrics" not in page:
        raise torn(what, "no Metrics")
    found: dict[str, dict[str, str]] = {}
    for metric in page["Metrics"]:
        dimensions = {one["Name"]: one["Value"] for one in metric.get("Dimensions", ())}
        instance_id = dimensions.get("InstanceId")
        if instance_id and simpler(dimensions, found.get(instance_id)):
            found[instance_id] = dimensions
    return found, next_token(page, token, what)


def simpler(one: Mapping[str, str], other: Mapping[str, str] | None) -> bool:
    """Say whether the one has fewer dimensions than the other, if there is another."""
    return other is None or (len(one), sorted(one.items())) < (len(other), sorted(other.items()))
