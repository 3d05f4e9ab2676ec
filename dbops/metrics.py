"""What Prometheus is told of the database, from its latest observation."""

from collections.abc import Iterator
from datetime import timedelta

from django.utils import timezone
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from dbops.models import Observation

FRESH = timedelta(minutes=5)
"""What is older says nothing about now: no figure is told then."""

_GAUGES = {
    "pool_size": ("cloudintel_database_pool_size", "Connections that the pool may hold."),
    "utilization": ("cloudintel_database_pool_utilization", "Busy share of the pool, 0 to 1."),
    "waiting": ("cloudintel_database_pool_waiting", "Clients that wait for a connection."),
    "health": ("cloudintel_database_health_score", "Health of the database, 0 to 100."),
    "size__database_bytes": ("cloudintel_database_bytes", "Size of the database."),
}


class DatabaseCollector(Collector):
    """Reads the latest observation."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield every family, without a sample where nothing is known."""
        fresh = Observation.objects.filter(at__gt=timezone.now() - FRESH)
        figures = fresh.values(*_GAUGES).first() or {}
        for column, (name, description) in _GAUGES.items():
            family = GaugeMetricFamily(name, description)
            if figures.get(column) is not None:
                family.add_metric([], figures[column])
            yield family
