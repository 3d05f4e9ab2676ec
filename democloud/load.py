"""How busy the instances are, computed whenever somebody asks.

The hour decides; the points within it waver around the hour's value, as often as EC2 measures.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import accumulate, pairwise

from democloud.chance import balanced, spread, unit
from democloud.estate import Estate, Instance, Profile

HISTORY_DAYS = 35
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
PERIOD, DETAILED_PERIOD = 5 * MINUTE, MINUTE
_BURST_SHARE = 0.08
_RIPPLE_PERCENT = 3.0
_RIPPLE_SHARE = 0.2
_PEAK_HOUR_UTC = {"eu-west-1": 13, "us-east-1": 18}
_OFFICE_HOURS_UTC = range(8, 18)
_STALL = timedelta(hours=2)


def cpu_percent(instance: Instance, hour: datetime) -> float:
    """Return the average CPU of the hour that begins at `hour`, for an instance that runs."""
    level = unit("level", instance.instance_id)
    profile = _idle if _is_stalled(instance, hour) else _PROFILES[instance.profile]
    raw = profile(instance, hour, level)
    return round(min(max(raw, 0.0), 100.0), 4)


def _is_stalled(instance: Instance, hour: datetime) -> bool:
    return instance.stalled_at is not None and instance.stalled_at <= hour < instance.stalled_at + _STALL


def _noise(instance: Instance, hour: datetime) -> float:
    return spread("noise", instance.instance_id, hour.isoformat())


def _daylight(instance: Instance, hour: datetime) -> float:
    """Return 0 in the region's deep night to 1 at its busiest hour."""
    away = hour.hour - _PEAK_HOUR_UTC[instance.region]
    return (1 + math.cos(2 * math.pi * away / 24)) / 2


def _idle(instance: Instance, hour: datetime, level: float) -> float:
    return 0.5 + level + 0.4 * _noise(instance, hour)


def _busy(instance: Instance, hour: datetime, level: float) -> float:
    return 66 + 10 * level + 10 * _daylight(instance, hour) + 5 * _noise(instance, hour)


def _bursty(instance: Instance, hour: datetime, level: float) -> float:
    if unit("burst", instance.instance_id, hour.isoformat()) < _BURST_SHARE:
        return 75 + 22 * _noise(instance, hour)
    return 4 + 3 * level + 2 * _noise(instance, hour)


def _day_night(instance: Instance, hour: datetime, level: float) -> float:
    swing = 50 if hour.weekday() < 5 else 8  # noqa: PLR2004 - Monday to Friday
    return 7 + 4 * level + swing * _daylight(instance, hour) ** 2 + 3 * _noise(instance, hour)


def _hot(instance: Instance, hour: datetime, level: float) -> float:
    if _daylight(instance, hour) > 0.5:  # noqa: PLR2004 - the eleven hours around the busiest
        return 94.5 + level + _noise(instance, hour)
    return 70 + 5 * level + 5 * _noise(instance, hour)


def _office(instance: Instance, hour: datetime, level: float) -> float:
    if hour.weekday() < 5 and hour.hour in _OFFICE_HOURS_UTC:  # noqa: PLR2004 - Monday to Friday
        return 20 + 4 * level + 2 * _noise(instance, hour)
    return _idle(instance, hour, level)


_PROFILES: dict[Profile, Callable[[Instance, datetime, float], float]] = {
    Profile.IDLE: _idle,
    Profile.BUSY: _busy,
    Profile.BURSTY: _bursty,
    Profile.DAY_NIGHT: _day_night,
    Profile.HOT: _hot,
    Profile.OFFICE: _office,
}


def memory_percent(instance: Instance, hour: datetime) -> float:
    """Return the average memory in use in the hour, as the agent tells it; it follows the CPU a little."""
    level = unit("memory-level", instance.instance_id)
    noise = spread("memory", instance.instance_id, hour.isoformat())
    return round(18 + 4 * level + 0.05 * cpu_percent(instance, hour) + 0.5 * noise, 4)


def network_in_bytes(instance: Instance, hour: datetime) -> float:
    """Return the bytes that the instance received in the hour; busier instances receive more."""
    share = 1 + 0.2 * spread("network-in", instance.instance_id, hour.isoformat())
    return float(round(2_500_000 * share * (1 + cpu_percent(instance, hour))))


def network_out_bytes(instance: Instance, hour: datetime) -> float:
    """Return the bytes that the instance sent in the hour."""
    share = 1 + 0.2 * spread("network-out", instance.instance_id, hour.isoformat())
    return float(round(4_000_000 * share * (1 + cpu_percent(instance, hour))))


def period(instance: Instance) -> timedelta:
    """Return how often the instance is measured, as EC2 does it."""
    return DETAILED_PERIOD if instance.detailed_monitoring else PERIOD


def cpu_percent_within(instance: Instance, hour: datetime) -> list[float]:
    """Return the CPU of each period of the hour; their mean is that of the hour."""
    mean = cpu_percent(instance, hour)
    ripple = min(_RIPPLE_PERCENT, _RIPPLE_SHARE * mean, _RIPPLE_SHARE * (100 - mean))
    return [mean + ripple * share for share in _ripples("ripple", instance, hour)]


def memory_percent_within(instance: Instance, hour: datetime) -> list[float]:
    """Return the memory in use in each period of the hour; their mean is that of the hour."""
    mean = memory_percent(instance, hour)
    return [mean + share for share in _ripples("ripple-memory", instance, hour)]


def network_in_bytes_within(instance: Instance, hour: datetime) -> list[float]:
    """Return the whole bytes that the instance received in each period; their sum is that of the hour."""
    return _parts(network_in_bytes(instance, hour), _ripples("ripple-in", instance, hour))


def network_out_bytes_within(instance: Instance, hour: datetime) -> list[float]:
    """Return the whole bytes that the instance sent in each period; their sum is that of the hour."""
    return _parts(network_out_bytes(instance, hour), _ripples("ripple-out", instance, hour))


def _ripples(kind: str, instance: Instance, hour: datetime) -> list[float]:
    return balanced(HOUR // period(instance), kind, instance.instance_id, hour.isoformat())


def _parts(total: float, ripples: Sequence[float]) -> list[float]:
    """Divide the total into whole numbers, a bit more here and a bit less there."""
    shares = accumulate((1 + _RIPPLE_SHARE * ripple) / len(ripples) for ripple in ripples)
    marks = [0, *(round(total * share) for share in shares)]
    return [float(after - before) for before, after in pairwise(marks)]


def measured_hours(estate: Estate, instance: Instance, start: datetime, end: datetime) -> Iterator[datetime]:
    """Yield the full hours in [start, end) for which the instance has points.

    Points begin 35 days before the anchor's day or with the launch, and are missing while it is stopped; the
    hour in which it was stopped still has all of its points.
    """
    oldest = estate.first_midnight - timedelta(days=HISTORY_DAYS)
    hour = _next_full_hour(max(start, instance.launched_at, oldest))
    last = min(end, instance.stopped_at or end)
    while hour < last:
        yield hour
        hour += HOUR


def _next_full_hour(moment: datetime) -> datetime:
    floor = full_hour(moment)
    return floor if floor == moment else floor + HOUR


def full_hour(moment: datetime) -> datetime:
    """Return when the hour of the moment began."""
    return moment.replace(minute=0, second=0, microsecond=0)
