"""What Prometheus is told of the autoscaler, read from the database when it asks."""

from collections.abc import Iterator
from datetime import timedelta

from django.db.models import Count
from django.utils import timezone
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from pipelines import ticks
from scaling.models import ManagedInstance, ScalingDecision
from scaling.ticking import DECIDE, MEASURE

RECENT = timedelta(hours=1)


class ScalingCollector(Collector):
    """Reads how far the ticks are behind, what is monitored, and what was decided lately."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield every family."""
        yield _lags()
        yield _monitored()
        yield _decisions()


def _lags() -> GaugeMetricFamily:
    family = GaugeMetricFamily(
        "cloudintel_scaling_lag_seconds",
        "How long the shard of a tick that is furthest behind has been due.",
        labels=["tick"],
    )
    now = ticks.now()
    for rhythm in (MEASURE, DECIDE):
        family.add_metric([rhythm.name], rhythm.lag(now).total_seconds())
    return family


def _monitored() -> GaugeMetricFamily:
    family = GaugeMetricFamily("cloudintel_monitored_instances", "Instances monitored.", labels=["kind"])
    rows = ManagedInstance.objects.monitored().order_by().values_list("is_mock")
    found = dict(rows.annotate(Count("pk")))
    for kind, is_mock in (("mock", True), ("real", False)):
        family.add_metric([kind], found.get(is_mock, 0))
    return family


def _decisions() -> GaugeMetricFamily:
    """Tell of the last hour: sums over all rows would fall as old ones are deleted."""
    family = GaugeMetricFamily(
        "cloudintel_scaling_decisions",
        "Decisions stored within the last hour, by direction and what became of them.",
        labels=["decision", "outcome"],
    )
    recent = ScalingDecision.objects.filter(timestamp__gt=timezone.now() - RECENT).order_by()
    for decision, outcome, number in recent.values_list("decision", "outcome").annotate(Count("pk")):
        family.add_metric([decision, outcome], number)
    return family
