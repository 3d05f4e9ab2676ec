"""What Prometheus is told of the platform itself: its errors, its workers, and how good its data are.

What is unknown has no sample: neither a zero nor a hundred would be true.
"""

from collections.abc import Iterator

from django.utils import timezone
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from pipelines import backlog, conditions, quality, watching, workers
from pipelines.quality.scores import DIMENSIONS


class PlatformCollector(Collector):
    """Reads the latest minutes, the workers that are alive, and the report on quality that counts."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield every family, without samples where nothing is known."""
        yield _error_rate()
        yield from _workers()
        yield _extra_workers()
        yield _backlog()
        yield _scores()


def _error_rate() -> GaugeMetricFamily:
    family = GaugeMetricFamily(
        "cloudintel_error_rate", "The share of attempts that failed, of those of the last five minutes."
    )
    rate = conditions.error_rate(watching.latest(timezone.now(), conditions.DEFAULT.errors.span))
    if rate is not None:
        family.add_metric([], rate)
    return family


def _workers() -> Iterator[GaugeMetricFamily]:
    there = workers.alive(timezone.now())
    number = GaugeMetricFamily("cloudintel_workers", "Workers that were heard of within a minute.")
    number.add_metric([], len(there))
    yield number
    cpu = GaugeMetricFamily(
        "cloudintel_worker_cpu_percent", "The CPU of a machine with workers.", labels=["host"]
    )
    hosts: dict[str, float] = {}
    for worker in there:
        if worker.cpu_percent is not None:
            hosts[worker.host] = max(worker.cpu_percent, hosts.get(worker.host, 0.0))
    for host, percent in sorted(hosts.items()):
        cpu.add_metric([host], percent)
    yield cpu


def _backlog() -> GaugeMetricFamily:
    family = GaugeMetricFamily(
        "cloudintel_backlog", "Pieces of work that a worker by backlog could take now, or has taken."
    )
    family.add_metric([], backlog.count())
    return family


def _extra_workers() -> GaugeMetricFamily:
    family = GaugeMetricFamily(
        "cloudintel_extra_workers", "Workers wanted beyond what the backlog asks for, as CPU was high."
    )
    family.add_metric([], backlog.extra())
    return family


def _scores() -> GaugeMetricFamily:
    family = GaugeMetricFamily(
        "cloudintel_validation_score",
        "The scores of the daily report on quality that counts, from 0 to 100.",
        labels=["check"],
    )
    report = quality.latest()
    for name in (*DIMENSIONS, "total"):
        if (score := getattr(report, name, None)) is not None:
            family.add_metric([name], score)
    return family
