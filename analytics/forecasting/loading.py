"""Computes each night what instances will measure in the hours to come, the busiest first."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from analytics import computing
from analytics.forecasting import limit
from analytics.forecasting.forecasts import HOURLY, Refusal, forecast
from analytics.forecasting.histories import Measured, busiest_first, hourly, hours_end
from analytics.forecasting.series import Floats
from analytics.models import Computation, LoadForecast, Metric, Subject
from collectors.models import Instance
from collectors.services.access import batched
from pipelines.claims import Claim
from pipelines.registry import Counts

HORIZON_HOURS = 48
NOTHING = "No instance is known that runs."

_READ = 50
_ROWS = 500
_PLACES = 3
_TESTED = ("method", "coverage", "measured", "origins", "mase", "smape")
_MOST = {Metric.CPU: 100.0, Metric.MEMORY: 100.0}


def register() -> None:
    """Have this computed each night."""
    computing.register(Subject.LOAD_FORECAST, compute)


def compute(claim: Claim, now: datetime) -> Counts:
    """Forecast the coming hours of what runs, and store that in the last one's place."""
    instances = busiest_first(now)
    found = _forecasts(claim, instances, now)
    with claim.writing():
        if instances:
            _store(found, now)
            Computation.objects.done(Subject.LOAD_FORECAST, now, claim.run)
        else:
            Computation.objects.withheld(Subject.LOAD_FORECAST, NOTHING, claim.run)
    made = sum(not each.reason for each in found)
    return Counts(forecast=made, refused=len(found) - made)


class _Found(NamedTuple):
    """What a metric of an instance is expected to be: expected, low and high, a row each; or why not.

    Ten thousand of them are kept until all are stored together, so they hold little.
    """

    instance: int
    metric: Metric
    reason: str = ""
    ranges: npt.NDArray[np.float64] | None = None
    tested: dict[str, float | str | None] | None = None


def _forecasts(claim: Claim, instances: Sequence[tuple[int, int]], now: datetime) -> list[_Found]:
    """Forecast the CPU of all, and what else was measured as far as the limit of series goes."""
    found: list[_Found] = []
    cpus, others = 0, len(instances)
    for batch in batched(instances, _READ):
        for measured in hourly(batch, now):
            found.append(_forecast(measured, Metric.CPU, place=cpus))
            cpus += 1
            for metric in _further(measured):
                found.append(_forecast(measured, metric, place=others))
                others += 1
        claim.renew()
        claim.show(100 * cpus / len(instances))
    return found


def _further(measured: Measured) -> Iterator[Metric]:
    """Yield what was measured beside CPU, of which each instance is told whether it was."""
    for metric in Metric:
        if metric != Metric.CPU and not np.isnan(measured.of(metric)).all():
            yield metric


def _forecast(measured: Measured, metric: Metric, *, place: int) -> _Found:
    if not limit.is_within(place):
        return _Found(measured.instance, metric, reason=limit.refusal())
    values = _from_midnight(measured.of(metric))
    coming = forecast(values, seasons=HOURLY, horizon=HORIZON_HOURS)
    if isinstance(coming, Refusal):
        return _Found(measured.instance, metric, reason=coming.reason)
    ranges = np.stack([coming.expected, coming.low, coming.high]).clip(max=_MOST.get(metric, np.inf))
    tested = {name: getattr(coming, name) for name in _TESTED}
    return _Found(measured.instance, metric, ranges=ranges.round(_PLACES), tested=tested)


def _from_midnight(values: Floats) -> Floats:
    """Leave out what was measured before the first midnight, for days to be whole; values begin at one."""
    known = np.flatnonzero(~np.isnan(values))
    return values[-(-known[0] // HOURLY[0]) * HOURLY[0] :] if len(known) else values[:0]


# --- Storing ---------------------------------------------------------------------------------
def _store(found: Iterable[_Found], now: datetime) -> None:
    """Replace what was computed before; an instance that was deleted meanwhile is left out."""
    there = set(Instance.objects.running().values_list("pk", flat=True))
    LoadForecast.objects.all().delete()
    for some in batched((each for each in found if each.instance in there), _ROWS):
        LoadForecast.objects.bulk_create([_row(each, now) for each in some])


def _row(found: _Found, now: datetime) -> LoadForecast:
    row = LoadForecast(
        instance_id=found.instance,
        metric=found.metric,
        start=hours_end(now),
        reason=found.reason,
        **(found.tested or {}),
    )
    if found.ranges is not None:
        row.expected, row.low, row.high = found.ranges.tolist()
    return row
