"""How busy the instances are: one point an hour, computed whenever somebody asks."""

import math
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from democloud.chance import spread, unit
from democloud.estate import Estate, Instance, Profile

HISTORY_DAYS = 35
HOUR = timedelta(hours=1)
_BURST_SHARE = 0.08
_PEAK_HOUR_UTC = {"eu-west-1": 13, "us-east-1": 18}


def cpu_percent(instance: Instance, hour: datetime) -> float:
    """Return the average CPU of the hour that begins at `hour`, for an instance that runs."""
    level = unit("level", instance.instance_id)
    raw = _PROFILES[instance.profile](instance, hour, level)
    return round(min(max(raw, 0.0), 100.0), 4)


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


_PROFILES: dict[Profile, Callable[[Instance, datetime, float], float]] = {
    Profile.IDLE: _idle,
    Profile.BUSY: _busy,
    Profile.BURSTY: _bursty,
    Profile.DAY_NIGHT: _day_night,
}


def network_in_bytes(instance: Instance, hour: datetime) -> float:
    """Return the bytes that the instance received in the hour; busier instances receive more."""
    share = 1 + 0.2 * spread("network-in", instance.instance_id, hour.isoformat())
    return float(round(2_500_000 * share * (1 + cpu_percent(instance, hour))))


def network_out_bytes(instance: Instance, hour: datetime) -> float:
    """Return the bytes that the instance sent in the hour."""
    share = 1 + 0.2 * spread("network-out", instance.instance_id, hour.isoformat())
    return float(round(4_000_000 * share * (1 + cpu_percent(instance, hour))))


def measured_hours(estate: Estate, instance: Instance, start: datetime, end: datetime) -> Iterator[datetime]:
    """Yield the full hours in [start, end) for which the instance has points.

    Points begin 35 days before the anchor's day or with the launch, and are missing while it is stopped.
    """
    oldest = estate.first_midnight - timedelta(days=HISTORY_DAYS)
    hour = _next_full_hour(max(start, instance.launched_at, oldest))
    last = min(end, instance.stopped_at or end)
    while hour < last:
        yield hour
        hour += HOUR


def _next_full_hour(moment: datetime) -> datetime:
    floor = moment.replace(minute=0, second=0, microsecond=0)
    return floor if floor == moment else floor + HOUR
