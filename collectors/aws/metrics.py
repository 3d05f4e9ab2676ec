"""CPU, network and memory of instances every five minutes, from CloudWatch."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import NamedTuple

from collectors.aws.errors import torn, translated
from collectors.aws.metricdata import MOST_POINTS, MOST_QUERIES, Dimensions, Metric, Points, Window, points
from collectors.aws.paging import asked_with, next_token
from collectors.aws.session import Cloud

PERIOD_S = 300
"""Instances without detailed monitoring publish at this pace."""

MOST_PERIODS = MOST_POINTS // MOST_QUERIES
"""How long a window may be, so that the points of a full call fit into one answer."""

# The network's metrics are bytes per period: only their sum means anything.
_OF_EVERY_INSTANCE = (
    Metric("AWS/EC2", "CPUUtilization", "Average", PERIOD_S),
    Metric("AWS/EC2", "NetworkIn", "Sum", PERIOD_S),
    Metric("AWS/EC2", "NetworkOut", "Sum", PERIOD_S),
)
_MEMORY = Metric("CWAgent", "mem_used_percent", "Average", PERIOD_S)
_LISTED = {"Namespace": _MEMORY.namespace, "MetricName": _MEMORY.name, "RecentlyActive": "PT3H"}


@dataclass(frozen=True, slots=True)
class Target:
    """An instance to ask about; with the dimensions of its memory metric where it publishes one."""

    instance_id: str
    memory: Dimensions | None = None


class Reading(NamedTuple):
    """The metrics of one instance at one moment; None where CloudWatch has nothing."""

    timestamp: datetime
    cpu: float | None
    memory: float | None
    network_in: float | None
    network_out: float | None


def metric_queries(targets: int, with_memory: int = 0) -> int:
    """Return how many metrics a reading requests, which is what AWS charges for."""
    return targets * len(_OF_EVERY_INSTANCE) + with_memory


def readings(
    cloud: Cloud, region: str, targets: Sequence[Target], window: Window
) -> Iterator[tuple[Target, list[Reading]]]:
    """Yield each target with what it measured in the window, oldest first.

    All metrics share calls of 500, wherever that cuts, so that n targets without memory take ceil(3n / 500).

    Raises: TransientCloudError, PermanentCloudError.
    """
    answers = points(cloud, region, [query for target in targets for query in _queries(target)], window)
    for target in targets:
        yield target, _together(list(islice(answers, metric_queries(1, bool(target.memory)))))


def _queries(target: Target) -> list[tuple[Metric, Dimensions]]:
    dimensions = {"InstanceId": target.instance_id}
    queries: list[tuple[Metric, Dimensions]] = [(metric, dimensions) for metric in _OF_EVERY_INSTANCE]
    return [*queries, (_MEMORY, target.memory)] if target.memory else queries


def _together(series: Sequence[Points]) -> list[Reading]:
    """Join the points of an instance's metrics by their time."""
    cpu, network_in, network_out, *rest = series
    memory = rest[0] if rest else {}
    return [
        Reading(moment, cpu.get(moment), memory.get(moment), network_in.get(moment), network_out.get(moment))
        for moment in sorted(set().union(*series))
    ]


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


def memory_dimensions(cloud: Cloud, region: str) -> dict[str, dict[str, str]]:
    """Return what all pages of `memory_page` tell together.

    Raises: TransientCloudError, PermanentCloudError.
    """
    found, token = memory_page(cloud, region, None)
    while token:
        page, token = memory_page(cloud, region, token)
        found |= {
            instance_id: dimensions
            for instance_id, dimensions in page.items()
            if simpler(dimensions, found.get(instance_id))
        }
    return found


def simpler(one: Mapping[str, str], other: Mapping[str, str] | None) -> bool:
    """Say whether the one has fewer dimensions than the other, if there is another."""
    return other is None or (len(one), sorted(one.items())) < (len(other), sorted(other.items()))
