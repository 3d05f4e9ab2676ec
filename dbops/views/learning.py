"""What was learned of the load, and what is predicted from it."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.query import Query
from dbops.examples import recorded
from dbops.prediction import Forecast
from dbops.serializers.learning import PatternsSerializer, PredictionSerializer
from dbops.services import anticipating, learning
from dbops.views.base import TAG, ControlView


class PatternsView(APIView):
    """What is usual at which hour."""

    @extend_schema(responses=PatternsSerializer, tags=[TAG], examples=[recorded("patterns")])
    def get(self, request: Request) -> Response:
        """Show the load by hour of the day and of the week, the baseline, and the hours of peaks."""
        Query.read(request)
        return Response(PatternsSerializer(learning.patterns(timezone.now())).data)


class PredictView(ControlView):
    """Predicts the next hour's peak."""

    @extend_schema(request=None, responses=PredictionSerializer, tags=[TAG], examples=[recorded("predict")])
    def post(self, _request: Request) -> Response:
        """Predict, keep the prediction, and tell what the schedule would do about it."""
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
