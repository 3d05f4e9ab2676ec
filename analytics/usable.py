"""Whether what was collected is good enough for what is made of it."""

from datetime import datetime

from django.conf import settings

from pipelines.quality import dependents
from pipelines.quality.dependents import Dependent

_FORECASTS = Dependent("forecasts", ("costs",), lambda: settings.FORECAST_MIN_QUALITY)


def register() -> None:
    """Make known what forecasts need."""
    dependents.register(_FORECASTS)


def refusal_of_forecasts(now: datetime) -> str:
    """Say why nothing is forecast from these data; empty where it is."""
    return _FORECASTS.refusal(now)
