"""What was learned of the load, and what is predicted from it."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.parsers import FormParser, MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.permissions import IsOperator
from core.errors import InvalidInputError
from core.examples import answered
from core.query import Query
from dbops.prediction import Forecast
from dbops.serializers.learning import PatternsSerializer, PredictionSerializer
from dbops.services import anticipating, learning

TAG = "database automation"

_PATTERNS = {
    "hourly_patterns": {
        "3": {"avg_utilization": 0.057474406368906404, "peak_utilization": 0.14, "samples": 10},
        "14": {"avg_utilization": 0.351104544268852, "peak_utilization": 0.82, "samples": 9},
    },
    "peak_periods": [{"hour": 14, "avg_utilization": 0.351104544268852, "severity": "medium"}],
    "baseline_load": 0.06,
    "weekly_patterns": [
        {
            "avg_utilization": 0.06414213562373096,
            "peak_utilization": 0.14,
            "samples": 2,
            "weekday": 0,
            "hour": 1,
            "avg_demand": 3.2071067811865475,
            "peak_demand": 7.0,
        }
    ],
    "reason": "Learned from 224 hours since 2026-03-02 00:00 UTC, whose weights halve every 14 days.",
}
_PREDICTION = {
    "next_hour": {
        "hour": "2026-03-11T09:00:00Z",
        "predicted_utilization": 0.8570937640367345,
        "predicted_demand": 12.856406460551018,
        "low": 8.89743318610787,
        "high": 19.4546952512896,
        "confidence": 0.84,
        "recommended_pool_size": 20,
    },
    "pre_scaling_actions": [
        {
            "type": "pre_scale_up",
            "reason": "From 09:00 UTC on, a peak of 12.9 connections is expected, 19.5 at most.",
            "recommended_pool_size": 20,
        }
    ],
    "reason": "A peak of 7.0 connections in the last hour, times 1.73 from the profile of 224 hours, in a "
    "range from 100 earlier predictions. The peak was within the range in 84 of 100 hours.",
}


class _NothingQuery(Query):
    """No parameters."""


class PatternsView(APIView):
    """What is usual at which hour."""

    @extend_schema(responses=PatternsSerializer, tags=[TAG], examples=[answered(_PATTERNS)])
    def get(self, request: Request) -> Response:
        """Show the load by hour of the day and of the week, the baseline, and the hours of peaks."""
        _NothingQuery.read(request)
        return Response(PatternsSerializer(learning.patterns(timezone.now())).data)


class PredictView(APIView):
    """Predicts the next hour's peak."""

    permission_classes = (IsOperator,)
    # Some clients announce a form though they send nothing.
    parser_classes = (*APIView.parser_classes, FormParser, MultiPartParser)

    @extend_schema(request=None, responses=PredictionSerializer, tags=[TAG], examples=[answered(_PREDICTION)])
    def post(self, request: Request) -> Response:
        """Predict, keep the prediction, and tell what the schedule would do about it."""
        _NothingQuery.read(request)
        if request.data:
            raise InvalidInputError("This takes no body.")
        now = timezone.now()
        forecast = learning.predict(now)
        learning.remember(forecast, now)
        return Response(PredictionSerializer(_shown(forecast)).data)


def _shown(forecast: Forecast) -> dict[str, Any]:
    expected = forecast.expected
    size = anticipating.pre_scaling(forecast)
    action = {
        "type": "pre_scale_up",
        "reason": f"{anticipating.why(forecast)}.",
        "recommended_pool_size": size,
    }
    return {
        "next_hour": {
            "hour": forecast.hour,
            "predicted_utilization": forecast.utilization,
            "predicted_demand": expected and expected.demand,
            "low": expected and expected.low,
            "high": expected and expected.high,
            "confidence": forecast.confidence.share,
            "recommended_pool_size": forecast.recommended_size,
        },
        "pre_scaling_actions": [] if size is None else [action],
        "reason": forecast.reason,
    }
