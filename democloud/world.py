"""What the endpoint shows: the resources, and the series whose points arrive as time passes."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from democloud import load
from democloud.estate import Estate, Instance, Volume, fleet, volumes

Point = tuple[datetime, float]
_INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True)
class Series:
    """One metric of one instance; `points(start, end)` yields those in the half-open window, oldest first.

    A point is published so much `later` than its timestamp.
    """

    instance: Instance
    namespace: str
    metric_name: str
    unit: str
    points: Callable[[datetime, datetime], list[Point]]
    later: timedelta = timedelta(0)

    def published(self, start: datetime, end: datetime, *, now: datetime) -> list[Point]:
        """Return the points of the window that are published by now."""
        return self.points(start, min(end, now - self.later + _INSTANT))


@dataclass(frozen=True)
class World:
    """An estate's instances, volumes and series."""

    estate: Estate
    instances: tuple[Instance, ...]
    volumes: tuple[Volume, ...]
    series: tuple[Series, ...]

    def series_of(self, account_id: str, region: str) -> list[Series]:
        """Return what one account sees in one region."""
        place = (account_id, region)
        return [one for one in self.series if (one.instance.account_id, one.instance.region) == place]


_Within = Callable[[Instance, datetime], list[float]]
_METRICS: tuple[tuple[str, str, str, _Within], ...] = (
    ("AWS/EC2", "CPUUtilization", "Percent", load.cpu_percent_within),
    ("AWS/EC2", "NetworkIn", "Bytes", load.network_in_bytes_within),
    ("AWS/EC2", "NetworkOut", "Bytes", load.network_out_bytes_within),
)
_OF_AGENT: tuple[tuple[str, str, str, _Within], ...] = (
    ("CWAgent", "mem_used_percent", "Percent", load.memory_percent_within),
)


def generated(estate: Estate) -> World:
    """Return the fleet that is made up from the estate's seed."""
    instances = fleet(estate)
    series = tuple(
        Series(
            instance, namespace, name, unit, partial(_points, estate, instance, within), load.period(instance)
        )
        for instance in instances
        for namespace, name, unit, within in (*_METRICS, *(_OF_AGENT if instance.has_agent else ()))
    )
    return World(estate, instances, volumes(estate), series)


def _points(
    estate: Estate, instance: Instance, within: _Within, start: datetime, end: datetime
) -> list[Point]:
    """Return the points of the hours that the window touches, as far as they lie in it."""
    period = load.period(instance)
    offsets = [number * period for number in range(load.HOUR // period)]
    return [
        (moment, value)
        for hour in load.measured_hours(estate, instance, load.full_hour(start), end)
        for offset, value in zip(offsets, within(instance, hour), strict=True)
        if start <= (moment := hour + offset) < end
    ]
