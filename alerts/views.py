"""Alerts, as they are read through HTTP."""

from drf_spectacular.utils import extend_schema
from rest_framework import viewsets

from alerts.filters import AlertFilter
from alerts.models import Alert
from alerts.serializers import AlertSerializer


@extend_schema(tags=["alerts"])
class AlertViewSet(viewsets.ReadOnlyModelViewSet[Alert]):
    """What needs somebody's attention, and what did; the latest first."""

    queryset = Alert.objects.all()
    serializer_class = AlertSerializer
    filterset_class = AlertFilter
    lookup_value_regex = "[0-9]{1,18}"
