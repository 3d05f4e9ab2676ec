"""The estate, as it is read and collected through HTTP."""

from typing import Any

from django.http import StreamingHttpResponse
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import mixins, viewsets
from rest_framework.decorators import action
from rest_framework.parsers import FormParser, MultiPartParser
from rest_framework.renderers import BaseRenderer, BrowsableAPIRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.permissions import IsOperator, ViewersReadAdministratorsWrite, asking
from collectors import filters, serializers
from collectors.models import CloudAccount, CpuMetric, DailyCost, Instance, Volume
from collectors.services import pricing
from core.api import ExactJSONRenderer
from core.errors import InvalidInputError
from core.export import csv_chunks
from pipelines import ledger, waiting
from pipelines.models import Run

_ACCOUNT_DIGITS = 12


# --- Accounts --------------------------------------------------------------------------------
@extend_schema(tags=["cloud accounts"])
class AccountViewSet(viewsets.ModelViewSet[CloudAccount]):
    """The AWS accounts to collect from. Deleting one deletes its data; disabling keeps them."""

    queryset = CloudAccount.objects.all()
    permission_classes = (ViewersReadAdministratorsWrite,)
    serializer_class = serializers.AccountSerializer
    filterset_class = filters.AccountFilter
    lookup_field = "account_id"
    lookup_value_regex = "[0-9]{1,18}"

    def get_object(self) -> CloudAccount:
        """Find the account by the 12 digits that AWS gave it, or by the number of its row."""
        given = self.kwargs["account_id"]
        key = "account_id" if len(given) == _ACCOUNT_DIGITS else "pk"
        return get_object_or_404(self.filter_queryset(self.get_queryset()), **{key: given})

    @extend_schema(responses=serializers.PriceSerializer)
    @action(detail=True)
    def price(self, *_request: Any, **_key: str) -> Response:
        """Say what the next collection of the account will cost in AWS calls, without making any."""
        return Response(serializers.PriceSerializer(pricing.quote(self.get_object())).data)


# --- Inventory -------------------------------------------------------------------------------
class _ResourceViewSet(viewsets.ReadOnlyModelViewSet[Any]):
    """Resources by the id that AWS gave them; where two accounts told of one, the latest word counts."""

    lookup_value_regex = "[A-Za-z0-9-]{1,40}"

    def get_object(self) -> Any:
        same = self.filter_queryset(self.get_queryset()).filter(**self.kwargs)
        return get_object_or_404(same.order_by("-last_seen", "pk")[:1])


@extend_schema(tags=["inventory"])
class InstanceViewSet(_ResourceViewSet):
    """The EC2 instances found in AWS, those that are gone included."""

    queryset = Instance.objects.select_related("account")
    filterset_class = filters.InstanceFilter
    lookup_field = "instance_id"

    def get_serializer_class(self) -> type[serializers.InstanceSerializer]:
        detail = self.action == "retrieve"
        return serializers.InstanceDetailSerializer if detail else serializers.InstanceSerializer


@extend_schema(tags=["inventory"])
class VolumeViewSet(_ResourceViewSet):
    """The EBS volumes found in AWS, those that are gone included."""

    queryset = Volume.objects.select_related("account")
    serializer_class = serializers.VolumeSerializer
    filterset_class = filters.VolumeFilter
    lookup_field = "volume_id"


# --- Figures ---------------------------------------------------------------------------------
class CSVRenderer(BaseRenderer):
    """Stands for the export in content negotiation; the view writes it, piece by piece."""

    media_type = "text/csv"
    format = "csv"
    charset = "utf-8"


@extend_schema(tags=["costs"])
class CostViewSet(mixins.ListModelMixin, viewsets.GenericViewSet[DailyCost]):
    """Daily costs by account, service and region; `?format=csv` exports all that the filters keep."""

    queryset = DailyCost.objects.select_related("account").order_by(
        "date", "account_id", "service", "region", "source", "basis", "unit"
    )
    serializer_class = serializers.CostSerializer
    filterset_class = filters.CostFilter
    renderer_classes = (ExactJSONRenderer, BrowsableAPIRenderer, CSVRenderer)

    @extend_schema(
        responses={
            (200, "application/json"): serializers.CostSerializer(many=True),
            (200, "text/csv"): OpenApiTypes.STR,
        }
    )
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response | StreamingHttpResponse:  # type: ignore[override]  # DRF sends on any HttpResponse
        if isinstance(request.accepted_renderer, CSVRenderer):
            return self._export()
        return super().list(request, *args, **kwargs)

    def _export(self) -> StreamingHttpResponse:
        header = serializers.CostSerializer.Meta.fields
        columns = ["account__account_id" if name == "account" else name for name in header]
        rows = self.filter_queryset(self.get_queryset()).values_list(*columns)
        return StreamingHttpResponse(
            csv_chunks(header, rows.iterator(chunk_size=5000)),
            content_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": 'attachment; filename="costs.csv"'},
        )

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Response:
        """Tell errors in JSON, whatever was asked for."""
        if getattr(response, "exception", False) and isinstance(
            getattr(request, "accepted_renderer", None), CSVRenderer
        ):
            request.accepted_renderer = ExactJSONRenderer()
            request.accepted_media_type = ExactJSONRenderer.media_type
        return super().finalize_response(request, response, *args, **kwargs)


@extend_schema(tags=["cpu"])
class CpuViewSet(mixins.ListModelMixin, viewsets.GenericViewSet[CpuMetric]):
    """Daily CPU load by instance, in percent."""

    queryset = CpuMetric.objects.select_related("ec2__account").order_by("date", "ec2_id")
    serializer_class = serializers.CpuSerializer
    filterset_class = filters.CpuFilter


# --- Collecting ------------------------------------------------------------------------------
class SyncView(APIView):
    """Starts the collection of one source, or joins the one that is active."""

    permission_classes = (IsOperator,)
    # Some clients announce a form though they send nothing.
    parser_classes = (*APIView.parser_classes, FormParser, MultiPartParser)
    pipeline = ""

    @extend_schema(
        parameters=[waiting.WaitQuery],
        request=None,
        responses={
            202: OpenApiResponse(waiting.StartedSerializer, "Queued or running."),
            200: OpenApiResponse(serializers.FinishedSerializer, "With `wait`: ended in time."),
        },
        tags=["collection"],
    )
    def post(self, request: Request) -> Response:
        query = waiting.WaitQuery.read(request)
        if request.data:
            raise InvalidInputError("This takes no body, only the parameter wait.")
        run = ledger.start(self.pipeline, requested_by=asking(request))
        has_ended = waiting.ended_within(run, query.get("wait"))
        return waiting.answer(request, run, _finished(run) if has_ended else None)


def _finished(run: Run) -> dict[str, Any]:
    counts = {name: run.counts.get(name, 0) for name in ("created", "updated", "unchanged")}
    return {**counts, **({"error": run.error} if run.error else {})}
