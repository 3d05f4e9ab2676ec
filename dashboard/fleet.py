"""What the fleet's table tells of each instance, by one query for each kind of figure of all of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Self

from django.db.models import Max

from analytics.models import InstanceFootprint, Saving
from analytics.savings import stored_prices
from analytics.savings.prices import PriceTable, Quote
from collectors.models import Instance, MetricHour
from dashboard.sparklines import Sparkline
from scaling.models import ManagedInstance

HOURS = 24
"""So many whole hours are averaged, and drawn."""
_HOUR = timedelta(hours=1)
_PARTS = ("count", "sum", "min", "max")
_METRICS = ("cpu", "memory")
_FOOTPRINT = tuple(f"{part}_{bound}_kg" for part in ("operational", "embodied") for bound in ("low", "high"))


@dataclass(frozen=True, slots=True)
class Load:
    """One metric over the last hours, in percent; what was not measured is None."""

    hours: Sequence[float | None]
    average: float | None = None
    least: float | None = None
    most: float | None = None

    @classmethod
    def of(cls, hours: Mapping[int, tuple[int, float, float, float]]) -> Self:
        """Add up hours by their places: how many samples, their sum, the least and the most of them."""
        known = {place: figures for place, figures in hours.items() if figures[0]}
        if not known:
            return cls([None] * HOURS)
        counts, sums, least, most = zip(*known.values(), strict=True)
        averages = {place: figures[1] / figures[0] for place, figures in known.items()}
        return cls(
            [averages.get(place) for place in range(HOURS)], sum(sums) / sum(counts), min(least), max(most)
        )

    @property
    def latest(self) -> float | None:
        """Return the average of the newest hour that was measured."""
        return next((value for value in reversed(self.hours) if value is not None), None)

    @property
    def line(self) -> Sparkline:
        return Sparkline(self.hours)


@dataclass(frozen=True, slots=True)
class Footprint:
    """What an instance caused over the report's days, in kgCO2e: running it and its share of making it."""

    low_kg: float
    high_kg: float


@dataclass(frozen=True, slots=True)
class Row:
    """An instance, and what is known of it."""

    instance: Instance
    cpu: Load
    memory: Load
    quote: Quote
    saving: "Decimal | None"
    has_saving: bool
    footprint: Footprint | None
    managed: ManagedInstance | None


def rows(instances: Sequence[Instance], now: datetime) -> list[Row]:
    """Return what is known of these instances, in their order."""
    keys = [each.pk for each in instances]
    loads, savings, footprints, managed = _loads(keys, now), _savings(keys), _footprints(keys), _managed(keys)
    tables = stored_prices.tables(each.region for each in instances)
    return [
        Row(
            instance=each,
            cpu=Load.of(loads["cpu"].get(each.pk, {})),
            memory=Load.of(loads["memory"].get(each.pk, {})),
            quote=quote(each, tables[each.region]),
            saving=savings.get(each.pk),
            has_saving=each.pk in savings,
            footprint=footprints.get(each.pk),
            managed=managed.get(each.pk),
        )
        for each in instances
    ]


def quote(instance: Instance, prices: PriceTable) -> Quote:
    """Return what an instance costs a month if it keeps running, or why that is not known."""
    if instance.gone_at is not None:
        return Quote(None, "it is gone")
    if instance.state != "running":
        return Quote(None, "its volumes alone cost while it does not run")
    if instance.lifecycle:
        return Quote(None, f"it is a {instance.lifecycle} instance, whose price is another")
    return prices.month(instance.instance_type, instance.platform)


def _loads(keys: Sequence[int], now: datetime) -> dict[str, dict[int, dict[int, Any]]]:
    """Return of each metric the hours of each instance, by their places among the last ones."""
    end = now.replace(minute=0, second=0, microsecond=0) + _HOUR
    start = end - HOURS * _HOUR
    columns = [f"{metric}_{part}" for metric in _METRICS for part in _PARTS]
    hours = MetricHour.objects.of_instances(keys).between(start, end)
    found: dict[str, dict[int, dict[int, Any]]] = {metric: {} for metric in _METRICS}
    for key, hour, *figures in hours.values_list("series__instance", "hour", *columns):
        place = (hour - start) // _HOUR
        for number, metric in enumerate(_METRICS):
            first = number * len(_PARTS)
            found[metric].setdefault(key, {})[place] = tuple(figures[first : first + len(_PARTS)])
    return found


def _savings(keys: Sequence[int]) -> dict[int | None, Decimal | None]:
    """Return the most that a recommendation would save of each instance; None where no price is known."""
    best = Saving.objects.standing().filter(instance__in=keys).order_by().values("instance_id")
    return {row["instance_id"]: row["usd"] for row in best.annotate(usd=Max("monthly_usd"))}


def _footprints(keys: Sequence[int]) -> dict[int, Footprint]:
    known = InstanceFootprint.objects.filter(instance__in=keys).exclude(operational_low_kg=None)
    found = known.exclude(embodied_low_kg=None).values_list("instance", *_FOOTPRINT)
    return {key: Footprint(low + made_low, high + made_high) for key, low, high, made_low, made_high in found}


def _managed(keys: Sequence[int]) -> dict[int | None, ManagedInstance]:
    return {each.inventory_id: each for each in ManagedInstance.objects.filter(inventory__in=keys)}
