"""What one instance measured over a span of time, averaged between evenly distributed moments."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt

from collectors.models import Instance, MetricDay, MetricHour, MetricSample
from core.epoch import microseconds
from dashboard import written
from scaling import storage
from scaling.columns import METRICS
from scaling.models import ManagedInstance

Floats = npt.NDArray[np.float64]

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
_FINE, _COARSE = MINUTE, 5 * MINUTE
_US = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Span:
    """From `start` up to, but not including, `end`; `follows` says that it ends with the present."""

    start: datetime
    end: datetime
    follows: bool = False

    @property
    def length(self) -> timedelta:
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class Grid:
    """`count` moments, a `step` apart; what is told of each is of the step that begins with it."""

    first: datetime
    step: timedelta
    count: int

    @classmethod
    def over(cls, span: Span, step: timedelta) -> "Grid":
        """Return a grid over the span whose moments are whole multiples of the step."""
        first = span.start - (span.start - datetime.min.replace(tzinfo=UTC)) % step
        return cls(first, step, max(1, -((first - span.end) // step)))

    @property
    def end(self) -> datetime:
        return self.first + self.count * self.step

    @property
    def moments(self) -> list[datetime]:
        return [self.first + place * self.step for place in range(self.count)]


@dataclass(frozen=True, slots=True)
class Points:
    """What is to be averaged of one metric: how many samples each point stands for, their sum, their most."""

    time_us: npt.NDArray[np.int64]
    count: Floats
    total: Floats
    most: Floats

    def on(self, grid: Grid) -> tuple[list[float | None], list[float | None]]:
        """Return the average and the most of each step of the grid; None where nothing was measured."""
        place = (self.time_us - microseconds(grid.first)) // (grid.step // _US)
        kept = (self.count > 0) & (place >= 0) & (place < grid.count)
        place = place[kept]
        counts = np.bincount(place, self.count[kept], grid.count)
        totals = np.bincount(place, self.total[kept], grid.count)
        most = np.full(grid.count, -np.inf)
        np.maximum.at(most, place, self.most[kept])
        averages = np.divide(totals, counts, out=np.full(grid.count, np.nan), where=counts > 0)
        return _known(averages), _known(np.where(counts > 0, most, np.nan))


def _known(values: Floats) -> list[float | None]:
    return [None if np.isnan(value) else value for value in values.tolist()]


_Figures = dict[str, list[float | None]]


@dataclass(frozen=True, slots=True)
class Measured:
    """The figures of all metrics on one grid, and a sentence that says where they come from."""

    grid: Grid
    average: _Figures
    most: _Figures
    source: str

    def has(self, metric: str) -> bool:
        """Tell whether anything is known of a metric."""
        return any(value is not None for value in self.average[metric])

    @property
    def is_empty(self) -> bool:
        """Tell whether nothing is known."""
        return not any(self.has(metric) for metric in self.average)

    def completed(self, other: "Measured") -> "Measured":
        """Return these figures, and those of the other where there are none; both are on the same grid."""
        if self.is_empty or other.is_empty:
            return other if self.is_empty else self
        return Measured(
            self.grid,
            _filled(self.average, other.average),
            _filled(self.most, other.most),
            f"{self.source} Where there are none: {other.source[0].lower()}{other.source[1:]}",
        )


def _filled(first: _Figures, second: _Figures) -> _Figures:
    return {
        metric: [
            other if value is None else value for value, other in zip(values, second[metric], strict=True)
        ]
        for metric, values in first.items()
    }


def measured(listed: Instance | None, managed: ManagedInstance | None, span: Span) -> Measured:
    """Return what the autoscaler measured, where it did and the span is short, else what was collected."""
    step = step_of(span, listed, managed)
    grid = Grid.over(span, step)
    collected = _on(
        grid, _points([]) if listed is None else _collected(listed, grid), "of what was collected"
    )
    if managed is None or (listed is not None and step >= HOUR):
        return collected
    own = _on(grid, _managed(managed, grid), "of the autoscaler's own samples")
    return own if listed is None else own.completed(collected)


def step_of(span: Span, listed: Instance | None, managed: ManagedInstance | None) -> timedelta:
    """Return how far apart moments are drawn: no nearer than samples are, and no more than a chart holds."""
    if span.length <= 2 * HOUR:
        is_fine = (managed is not None and managed.is_mock) or (listed and listed.detailed_monitoring)
        return _FINE if is_fine else _COARSE
    if span.length <= 2 * DAY:
        return _COARSE
    return HOUR if span.length <= 62 * DAY else DAY


def _on(grid: Grid, points: dict[str, Points], source: str) -> Measured:
    figures = {metric: each.on(grid) for metric, each in points.items()}
    return Measured(
        grid,
        {metric: average for metric, (average, _) in figures.items()},
        {metric: most for metric, (_, most) in figures.items()},
        f"Averages of {written.duration(grid.step)} {source}.",
    )


# --- Reading ---------------------------------------------------------------------------------
def _managed(instance: ManagedInstance, grid: Grid) -> dict[str, Points]:
    samples = storage.read(np.array([instance.pk], np.int32), microseconds(grid.first))
    known = {metric: samples.values[place] for place, metric in enumerate(METRICS)}
    return {
        metric: Points(samples.time, (~np.isnan(values)).astype(np.float64), np.nan_to_num(values), values)
        for metric, values in known.items()
    }


def _collected(instance: Instance, grid: Grid) -> dict[str, Points]:
    if grid.step < HOUR:
        return _points(_samples(instance, grid))
    columns = [f"{metric}_{part}" for metric in METRICS for part in ("count", "sum", "max")]
    if grid.step < DAY:
        hours = MetricHour.objects.of_instances([instance.pk]).between(grid.first, grid.end)
        return _points(hours.values_list("hour", *columns))
    days = MetricDay.objects.filter(series__instance=instance)
    found = days.between(grid.first.date(), grid.end.date()).values_list("date", *columns)
    return _points((datetime.combine(day, time(), UTC), *figures) for day, *figures in found)


def _samples(instance: Instance, grid: Grid) -> list[tuple[Any, ...]]:
    within = {"timestamp__gte": grid.first, "timestamp__lt": grid.end}
    samples = MetricSample.objects.filter(series__instance=instance, **within)
    return [
        (at, *(part for value in values for part in (value is not None, value, value)))
        for at, *values in samples.values_list("timestamp", *METRICS)
    ]


def _points(rows: Iterable[Sequence[Any]]) -> dict[str, Points]:
    """Arrange rows of a moment and three figures for each metric."""
    columns = list(zip(*rows, strict=True)) or [()] * (1 + 3 * len(METRICS))
    times = np.array([microseconds(at) for at in columns[0]], np.int64)
    figures = [np.nan_to_num(np.array(column, np.float64)) for column in columns[1:]]
    return {metric: Points(times, *figures[3 * n : 3 * n + 3]) for n, metric in enumerate(METRICS)}
