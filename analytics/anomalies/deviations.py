"""In which ways a point deviates: alone and in averages, from the points before and from the time of day."""

import numpy as np

from analytics.anomalies.tails import Floats

BLOCK = 24
"""So many points are looked at together."""

SCALES = (6, 24)
"""Averages are taken of so many points: half an hour and two hours, where they are five minutes apart."""

BEFORE = 11
"""A point alone is compared with the median of so many before it."""

PAST = 2 * max(SCALES)
"""So many points before a block are needed."""

KINDS = 2 + 3 * len(SCALES)
NAMES = (
    "by itself",
    *(f"in the move of its average of {points} points" for points in SCALES),
    *(f"in how restless its last {points} points were" for points in SCALES),
    "for the time of day",
    *(f"in its average of {points} points for the time of day" for points in SCALES),
)
"""What each kind is about."""

SEASONAL = slice(KINDS - 1 - len(SCALES), KINDS)
"""The kinds that are about the time of day."""

_ROWS = np.arange(PAST + BLOCK)[:, None]
_ENDS = np.arange(PAST, PAST + BLOCK)
_BEFORE = np.arange(PAST - BEFORE, PAST)[None, :] + np.arange(BLOCK)[:, None]


def _average(points: int, *, ago: int = 0) -> Floats:
    """Return the matrix that turns a series into averages of points up to each point, or to one before it."""
    last = _ENDS - ago
    age = last - _ROWS
    return ((age >= 0) & (age < points)) / points


_AVERAGES = np.hstack([_average(points) for points in SCALES])
_SHIFTS = np.hstack([_average(points) - _average(points, ago=points) for points in SCALES])


def deviations(series: Floats, residuals: Floats) -> Floats:
    """Return how far each point of a block deviates (kinds x `BLOCK`), in the unit of the series.

    Both arguments have `PAST` points before the block. The kinds are the distance from the median before, for
    each scale the move of the average against the one before it, then the averages of the steps from point to
    point, then the residual alone, and its averages.
    """
    median = np.partition(series[_BEFORE], BEFORE // 2, axis=1)[:, BEFORE // 2]
    steps = np.abs(series[1:] - series[:-1])
    found = (
        series[PAST:] - median,
        series @ _SHIFTS,
        steps @ _AVERAGES[1:],
        residuals[PAST:],
        residuals @ _AVERAGES,
    )
    return np.abs(np.concatenate(found)).reshape(KINDS, BLOCK)
