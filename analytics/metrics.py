"""What Prometheus is told of the answers that are remembered."""

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from analytics import cache


class AnalyticsCacheCollector(Collector):
    """Tells how often an answer was remembered, of all processes together."""

    def collect(self) -> Iterator[CounterMetricFamily]:
        """Yield hits and misses, or nothing while they are not known."""
        family = CounterMetricFamily(
            "cloudintel_analytics_cache",
            "Questions of the analytics endpoints, by whether the answer was remembered.",
            labels=["result"],
        )
        counts = cache.counts()
        if counts is not None:
            for result, number in zip(("hit", "miss"), counts, strict=True):
                family.add_metric([result], number)
        yield family
