"""What Prometheus is told of the files that were collected."""

from collections.abc import Iterator

from django.db.models import Count
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from collectors.models import BillingFile, FileState


class BillingFileCollector(Collector):
    """Counts the billing files by what became of them."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the one family, zeros included."""
        family = GaugeMetricFamily("cloudintel_billing_files", "Versions of billing files.", labels=["state"])
        rows = BillingFile.objects.order_by().values_list("state").annotate(number=Count("pk"))
        found = dict(rows)
        for state in FileState.values:
            family.add_metric([state], found.get(state, 0))
        yield family
