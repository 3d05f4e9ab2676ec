"""What the platform promises and keeps, as it is read through HTTP."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.query import Query
from pipelines import slo


class SloQuery(Query):
    """Of how many days the promises are measured."""

    window_days = serializers.IntegerField(
        default=slo.USUAL_DAYS, min_value=1, max_value=365, help_text="So many days before now."
    )


class TargetsSerializer(serializers.Serializer[Any]):
    """What is promised."""

    success_rate = serializers.FloatField()
    freshness_rate = serializers.FloatField()
    mean_time_to_recovery_s = serializers.FloatField()


class KeptSerializer(serializers.Serializer[Any]):
    """What is kept; null where nothing was measured."""

    success_rate = serializers.BooleanField(allow_null=True)
    freshness_rate = serializers.BooleanField(allow_null=True)
    mean_time_to_recovery_s = serializers.BooleanField(allow_null=True)


class SloSerializer(serializers.Serializer[Any]):
    """What became of the promises."""

    window_days = serializers.IntegerField()
    success_rate = serializers.FloatField(
        allow_null=True, help_text="Of the daily runs that ended; null without any."
    )
    freshness_rate = serializers.FloatField(
        allow_null=True, help_text="Of the days whose data were due at 05:00 in New York."
    )
    mean_time_to_recovery_s = serializers.FloatField(
        allow_null=True, help_text="From a failure to the next success; null where nothing recovered."
    )
    runs = serializers.IntegerField(help_text="Daily runs that succeeded, succeeded in part, or failed.")
    unrecovered = serializers.BooleanField(help_text="Whether the last run failed.")
    targets = TargetsSerializer()
    kept = KeptSerializer()


class SloView(APIView):
    """Success, freshness and recovery of the daily collection, measured from the ledger."""

    @extend_schema(operation_id="slo", parameters=[SloQuery], responses=SloSerializer, tags=["quality"])
    def get(self, request: Request) -> Response:
        query = SloQuery.read(request)
        return Response(slo.measured(timezone.now(), query["window_days"]))
