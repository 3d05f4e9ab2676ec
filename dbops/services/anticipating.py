"""What is done each quarter of an hour: learn, predict, and make room for a peak before it comes."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from dbops.models import Observation, PoolEvent, ThresholdChange
from dbops.prediction import Forecast
from dbops.services import learning, scaling

PreScale = Callable[[int, str, datetime], PoolEvent | None]


@dataclass(frozen=True, slots=True)
class Anticipation:
    """What was learned and done."""

    hours: int
    settled: int
    change: ThresholdChange | None
    forecast: Forecast
    event: PoolEvent | None


def anticipate(now: datetime, *, pre_scale: PreScale = scaling.pre_scale) -> Anticipation:
    """Learn from the hours that are over, predict the next one, and have the pool grow where it needs more.

    The pool never shrinks on a prediction.
    """
    hours, settled = learning.roll_up(now), learning.settle(now)
    change = learning.adapt(now)
    forecast = learning.predict(now)
    learning.remember(forecast, now)
    needed = pre_scaling(forecast)
    event = None if needed is None else pre_scale(needed, why(forecast), now)
    return Anticipation(hours, settled, change, forecast, event)


def pre_scaling(forecast: Forecast) -> int | None:
    """Return the size that the pool has to grow to for the predicted peak; None where it is large enough."""
    last, wanted = Observation.objects.with_pool().first(), forecast.recommended_size
    size = last.pool_size if last else None
    return wanted if wanted is not None and size is not None and wanted > size else None


def why(forecast: Forecast) -> str:
    """Say what the pool is made larger for."""
    expected = forecast.expected
    if expected is None:
        return forecast.reason
    return (
        f"From {forecast.hour:%H:%M} UTC on, a peak of {expected.demand:.1f} connections is expected, "
        f"{expected.high:.1f} at most"
    )
