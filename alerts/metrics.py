"""What Prometheus is told of alerts, counted when it asks."""

from collections.abc import Iterator
from datetime import timedelta

from django.db.models import Count, Q
from django.utils import timezone
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from alerts.models import UNSETTLED, Alert, Delivery, DeliveryState, Severity

RECENT = timedelta(days=1)


class AlertCollector(Collector):
    """Counts the open alerts, and what is still to be told."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield every family, zeros included."""
        yield _open()
        yield _deliveries()


def _open() -> GaugeMetricFamily:
    rows = Alert.objects.unresolved().order_by().values_list("severity")
    found = dict(rows.annotate(number=Count("pk")))
    family = GaugeMetricFamily("cloudintel_open_alerts", "Alerts that still hold.", labels=["severity"])
    for severity in Severity.values:
        family.add_metric([severity], found.get(severity, 0))
    return family


def _deliveries() -> GaugeMetricFamily:
    """Tell of what was given up within a day: a number that never falls would alarm for ever."""
    family = GaugeMetricFamily(
        "cloudintel_alert_deliveries",
        "Notifications that wait to be sent, and those given up that were written within the last day.",
        labels=["state"],
    )
    waiting = Q(state__in=UNSETTLED)
    recent = Q(state=DeliveryState.ABANDONED, notification__created_at__gt=timezone.now() - RECENT)
    counted = Delivery.objects.filter(waiting | recent).aggregate(
        pending=Count("pk", filter=waiting), abandoned=Count("pk", filter=recent)
    )
    for state in ("pending", "abandoned"):
        family.add_metric([state], counted[state])
    return family
