"""What the endpoint shows: the resources, and the series whose points arrive as time passes."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from democloud import load
from democloud.estate import Estate, Instance, Volume, fleet, volumes

Point = tuple[datetime, float]


@dataclass(frozen=True)
class Series:
    """One metric of one instance; `points(start, end)` yields those in the half-open window, oldest first."""

    instance: Instance
    namespace: str
    metric_name: str
    unit: str
    points: Callable[[datetime, datetime], list[Point]]


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


_METRICS: tuple[tuple[str, str, Callable[[Instance, datetime], float]], ...] = (
    ("CPUUtilization", "Percent", load.cpu_percent),
    ("NetworkIn", "Bytes", load.network_in_bytes),
    ("NetworkOut", "Bytes", load.network_out_bytes),
)


def generated(estate: Estate) -> World:
    """Return the fleet that is made up from the estate's seed."""
    instances = fleet(estate)
    series = tuple(
        Series(instance, "AWS/EC2", name, unit, partial(_hourly, estate, instance, value))
        for instance in instances
        for name, unit, value in _METRICS
    )
    return World(estate, instances, volumes(estate), series)


def _hourly(
    estate: Estate,
    instance: Instance,
    value: Callable[[Instance, datetime], float],
    start: datetime,
    end: datetime,
) -> list[Point]:
    return [(hour, value(instance, hour)) for hour in load.measured_hours(estate, instance, start, end)]
