"""The run ledger, as it is read through HTTP."""

from typing import Any

from django.db.models import Prefetch
from drf_spectacular.utils import extend_schema
from rest_framework import viewsets

from accounts.oidc import ALSO_SERVICES
from pipelines import overview
from pipelines.filters import RunFilter
from pipelines.models import Run
from pipelines.serializers import RunSerializer


@extend_schema(tags=["runs"])
class RunViewSet(viewsets.ReadOnlyModelViewSet[Run]):
    """What was started, how far it came and what it cost; the latest first."""

    authentication_classes = ALSO_SERVICES
    queryset = Run.objects.select_related("requested_by").prefetch_related(
        Prefetch("children", Run.objects.order_by("position"))
    )
    serializer_class = RunSerializer
    filterset_class = RunFilter
    lookup_value_regex = "[0-9]{1,18}"

    def get_object(self) -> Run:
        run = super().get_object()
        overview.prepare([run])
        return run

    def paginate_queryset(self, queryset: Any) -> Any:
        page = super().paginate_queryset(queryset)
        overview.prepare(page or [])
        return page
