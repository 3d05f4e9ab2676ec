"""The quality that data need for instances to be scaled by them."""

from datetime import datetime

from django.conf import settings

from pipelines.quality import dependents
from pipelines.quality.dependents import Dependent

# Where samples are not collected by the platform, or not yet, the days' CPU tells of the same source.
_NEEDS = Dependent("scaling", ("samples", "cpu"), lambda: settings.SCALING_MIN_QUALITY)


def register() -> None:
    """Make known what the autoscaler needs."""
    dependents.register(_NEEDS)


def refusal(now: datetime) -> str:
    """Say why nothing is scaled by what was collected; empty where it is."""
    return _NEEDS.refusal(now)
