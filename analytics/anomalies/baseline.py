"""What a day should have cost, from the days before it: a robust level times the weekday's share of it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

HISTORY_DAYS = 56
"""Weekdays are compared over so many days before."""

LEVEL_DAYS = 14
"""The level is the median of so many days: a lasting move is the new level after a week."""

NOISE_DAYS = 28
"""How much days usually differ is taken from so many."""

LEAST_DAYS = 21
"""With fewer known days before it, three of each weekday, nothing is said of a day."""

_WEEK = 7
_LEAST_OF_WEEK = 5
_MAD_TO_SIGMA = 1.4826


@dataclass(frozen=True, slots=True)
class Baseline:
    """What each part should have cost on a day, and the standard deviation that is usual for it (USD)."""

    expected: Floats
    noise: Floats


def baseline(before: Floats) -> Baseline:
    """Return what is to be expected after the days before (parts x days, yesterday last; USD).

    A day that is not known is NaN in all parts; `LEAST_DAYS` of the last `HISTORY_DAYS` must be known.
    """
    before = before[:, -HISTORY_DAYS:]
    place = (np.arange(before.shape[1]) - before.shape[1]) % _WEEK
    effects = _effects(before, place)
    usual = effects[:, place]
    known = ~np.isnan(before).any(axis=0)
    even = np.where(usual > 0, before / np.where(usual > 0, usual, 1.0), np.nan)
    level = _median(even[:, known][:, -LEVEL_DAYS:])
    off = np.abs(before - level[:, None] * usual)[:, known][:, -NOISE_DAYS:]
    return Baseline(level * effects[:, 0], _MAD_TO_SIGMA * _median(off))


def _effects(before: Floats, place: NDArray[np.intp]) -> Floats:
    """Return each weekday's cost as a multiple of its week's mean (parts x 7, today's weekday first)."""
    padded = np.pad(before, ((0, 0), (_WEEK // 2, _WEEK // 2)), constant_values=np.nan)
    weeks = np.lib.stride_tricks.sliding_window_view(padded, _WEEK, axis=1)
    days = (~np.isnan(weeks)).sum(axis=2)
    means = np.where(days >= _LEAST_OF_WEEK, np.nansum(weeks, axis=2) / np.maximum(days, 1), 0.0)
    # A week that cost nothing says nothing of its weekdays: it counts as even, so that one day is no rhythm.
    shares = np.where(
        means > 0, before / np.where(means > 0, means, 1.0), np.where(np.isnan(before), np.nan, 1.0)
    )
    effects = np.stack([_median(shares[:, place == day], otherwise=1.0) for day in range(_WEEK)], axis=1)
    return np.maximum(effects, 0.0)


def _median(values: Floats, *, otherwise: float = 0.0) -> Floats:
    """Return the median of each row's known values, or what is handed in where a row has none."""
    none = np.isnan(values).all(axis=1) if values.shape[1] else np.ones(len(values), bool)
    found = np.full(len(values), otherwise)
    if not none.all():
        found[~none] = np.nanmedian(values[~none], axis=1)
    return found
