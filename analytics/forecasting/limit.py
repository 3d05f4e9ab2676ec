"""How many series are forecast a night."""

from django.conf import settings


def is_within(place: int) -> bool:
    """Tell whether the series at a place, from 0, is forecast."""
    return place < settings.FORECAST_SERIES


def refusal() -> str:
    """Say why a series beyond the limit is not forecast."""
    most = settings.FORECAST_SERIES
    return f"Left out: the {most} largest series are forecast a night (FORECAST_SERIES)."
