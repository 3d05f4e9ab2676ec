"""/metrics for Prometheus: the requests of all web processes, and what the database knows."""

import os
from typing import Any

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare
from django_prometheus.middleware import PrometheusAfterMiddleware
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from rest_framework.authentication import BaseAuthentication
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from accounts.authentication import BearerAuthentication, OwnOriginSessionAuthentication
from accounts.permissions import IsViewer
from alerts.metrics import AlertCollector
from analytics.metrics import AnalyticsCacheCollector
from collectors.metrics import BillingFileCollector
from core.api import ExactJSONRenderer
from dbops.metrics import DatabaseCollector
from pipelines.metrics import RunCollector
from pipelines.platform_metrics import PlatformCollector
from scaling.metrics import ScalingCollector


class RequestMetricsMiddleware(PrometheusAfterMiddleware):  # type: ignore[misc]  # the library has no types
    """Counts requests and their time by view, where callers cannot make up new series."""

    def label_metric(self, metric: Any, request: HttpRequest, response: Any = None, **labels: str) -> Any:
        """Take the method by its name among those that exist: any word can be sent as one."""
        if "method" in labels:
            labels["method"] = self._method(request)
        return super().label_metric(metric, request, response, **labels)


class Scraper(AnonymousUser):
    """Whoever has METRICS_TOKEN: nobody by name, and good for /metrics alone."""

    @property
    def is_authenticated(self) -> bool:  # type: ignore[override]  # django-stubs has it as a constant
        """It showed a token."""
        return True


class ScrapeTokenAuthentication(BaseAuthentication):
    """Takes METRICS_TOKEN, where one is set; other tokens are users'."""

    def authenticate(self, request: Request) -> tuple[Scraper, None] | None:
        """Compare in constant time."""
        scheme, _, value = request.headers.get("Authorization", "").strip().partition(" ")
        if not settings.METRICS_TOKEN or scheme.lower() != "bearer":
            return None
        return (Scraper(), None) if constant_time_compare(value.strip(), settings.METRICS_TOKEN) else None

    def authenticate_header(self, request: Request) -> str:
        """Return the challenge that goes with a 401."""
        return 'Bearer realm="metrics"'


class IsScraperOrViewer(IsViewer):
    """Allows whoever has METRICS_TOKEN, and all who may read the estate."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Look for the token's bearer, then for the role."""
        return isinstance(request.user, Scraper) or super().has_permission(request, view)


class _WhateverIsAccepted(BaseContentNegotiation):
    """Answers in the one format there is: scrapers ask for several versions of it."""

    def select_renderer(
        self, request: Request, renderers: Any, format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        return renderers[0], renderers[0].media_type


class MetricsView(APIView):
    """The state of CloudIntel in Prometheus' text format, for its operators."""

    authentication_classes = (
        ScrapeTokenAuthentication,
        BearerAuthentication,
        OwnOriginSessionAuthentication,
    )
    permission_classes = (IsScraperOrViewer,)
    renderer_classes = (ExactJSONRenderer,)
    content_negotiation_class = _WhateverIsAccepted

    @extend_schema(
        tags=["health"],
        auth=[{"bearerAuth": []}],  # type: ignore[list-item]  # a requirement of OpenAPI, not a scheme's name
        responses={(200, "text/plain"): OpenApiTypes.STR},
    )
    def get(self, request: Request) -> HttpResponse:
        """Collect everything anew."""
        body = generate_latest(_requests()) + generate_latest(_stored())
        return HttpResponse(body, content_type=CONTENT_TYPE_LATEST)


def _requests() -> CollectorRegistry:
    """Return what the web processes counted: all of them where they share a folder, else this one."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return REGISTRY
    everyone = CollectorRegistry()
    MultiProcessCollector(everyone)  # type: ignore[no-untyped-call]  # the library has no types there
    return everyone


def _stored() -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(RunCollector())
    registry.register(PlatformCollector())
    registry.register(BillingFileCollector())
    registry.register(AlertCollector())
    registry.register(ScalingCollector())
    registry.register(AnalyticsCacheCollector())
    registry.register(DatabaseCollector())
    return registry
