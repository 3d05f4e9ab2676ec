"""What Prometheus is told of alerts, counted when it asks."""

from collections.abc import Iterator

from django.db.models import Count
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from alerts.models import Alert, Severity


class AlertCollector(Collector):
    """Counts the open alerts."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the number of open alerts by severity, zeros included."""
        rows = Alert.objects.unresolved().order_by().values_list("severity")
        found = dict(rows.annotate(number=Count("pk")))
        family = GaugeMetricFamily("cloudintel_open_alerts", "Alerts that still hold.", labels=["severity"])
        for severity in Severity.values:
            family.add_metric([severity], found.get(severity, 0))
        yield family
