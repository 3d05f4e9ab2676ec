"""The run ledger, as it is read, and its runs cancelled and resumed, through HTTP."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.oidc import ALSO_SERVICES
from accounts.permissions import IsOperator, asking
from core.body import refuse_body
from core.query import ErrorSerializer
from pipelines import cancelling, overview, resuming, waiting
from pipelines.filters import RunFilter
from pipelines.models import Run
from pipelines.serializers import RunSerializer


@extend_schema(tags=["runs"])
class RunViewSet(viewsets.ReadOnlyModelViewSet[Run]):
    """What was started, how far it came and what it cost; the latest first."""

    authentication_classes = ALSO_SERVICES
    queryset = Run.objects.told()
    serializer_class = RunSerializer
    filterset_class = RunFilter
    lookup_value_regex = "[0-9]{1,18}"

    @extend_schema(
        request=None, responses={200: waiting.StartedSerializer, 404: ErrorSerializer, 409: ErrorSerializer}
    )
    @action(detail=True, methods=["post"], permission_classes=[IsOperator])
    def cancel(self, request: Request, **_key: str) -> Response:
        """End an active run, and all that it consists of; one that has ended is a 409.

        What is being written is not committed any more. The run that it is a part of goes on.
        """
        refuse_body(request)
        run = cancelling.cancel(self.get_object().pk, by=asking(request))
        return waiting.answer(request, run, {})

    @extend_schema(
        request=None, responses={202: waiting.StartedSerializer, 404: ErrorSerializer, 409: ErrorSerializer}
    )
    @action(detail=True, methods=["post"], permission_classes=[IsOperator])
    def resume(self, request: Request, **_key: str) -> Response:
        """Do again what did not succeed of a run that failed, got only part, or was cancelled.

        A run that is active or succeeded is a 409, and so is one whose like is active.
        """
        refuse_body(request)
        return waiting.answer(request, resuming.resume(self.get_object().pk))

    def get_object(self) -> Run:
        run = super().get_object()
        if self.action == "retrieve":
            overview.prepare([run])
        return run

    def paginate_queryset(self, queryset: Any) -> Any:
        page = super().paginate_queryset(queryset)
        overview.prepare(page or [])
        return page
