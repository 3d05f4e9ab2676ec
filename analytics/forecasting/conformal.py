"""Ranges from the backtest's own errors, and how often such ranges held in it."""

from dataclasses import dataclass

import numpy as np

from analytics.forecasting.series import Flags, Floats

LEAST_USUAL = 0.01
"""Nowhere are errors taken to be less than so much of what they are on average."""

NEAR = 2
"""How large errors usually are so far ahead is averaged with so many steps on each side."""


@dataclass(frozen=True, slots=True)
class Width:
    """Half the range at each step ahead, and the share of the backtest's values that such ranges held."""

    half: Floats
    measured: float


def width(errors: Floats, coverage: float) -> Width:
    """Make ranges that hold a share of the values.

    `errors` are origins x horizon, NaN where nothing came to compare with; at least three origins have some.
    Each error is taken as a multiple of what errors at the other origins were so far ahead; a share
    `coverage` of these multiples is below the one that the range is made of. For `measured` the multiple of
    each origin comes from the others alone. Steps that no origin reached have the last one's range, growing
    as the root of the distance.

    Source: Lei et al. 2018 (locally weighted conformal), Barber et al. 2021 (leaving out one in turn).
    """
    sizes = np.abs(errors)
    everyone = np.ones((1, len(sizes)), np.bool_)
    others = ~np.eye(len(sizes), dtype=np.bool_)
    least = LEAST_USUAL * float(np.nanmean(sizes))
    if not least:
        return Width(np.zeros(sizes.shape[1]), 1.0)
    multiples = sizes / np.maximum(least, _usual(sizes, others))
    held = [
        part[~np.isnan(part)] <= _quantile(multiples[rest], coverage)
        for part, rest in zip(multiples, others, strict=True)
    ]
    half = np.maximum(least, _usual(sizes, everyone)[0]) * _quantile(multiples, coverage)
    return Width(half, float(np.concatenate(held).mean()))


def _usual(sizes: Floats, groups: Flags) -> Floats:
    """Average the errors of each group of origins about each step ahead: groups x horizon."""
    steps = np.arange(sizes.shape[1])
    is_near = np.abs(steps[:, None] - steps) <= NEAR
    is_known = ~np.isnan(sizes)
    counts = groups.astype(np.float64) @ is_known @ is_near
    sums = groups.astype(np.float64) @ np.where(is_known, sizes, 0.0) @ is_near
    last = np.array([np.flatnonzero(row)[-1] for row in counts])[:, None]
    reached = np.minimum(steps, last)
    # Between two steps that were reached there may be a gap of unknown values: the nearest before it counts.
    reached = np.maximum.accumulate(np.where(np.take_along_axis(counts, reached, 1) > 0, reached, 0), axis=1)
    means = np.take_along_axis(sums, reached, 1) / np.maximum(np.take_along_axis(counts, reached, 1), 1)
    growth: Floats = np.sqrt((steps + 1) / (reached + 1))
    usual: Floats = means * growth
    return usual


def _quantile(values: Floats, share: float) -> float:
    return float(np.nanquantile(values, share, method="higher"))
