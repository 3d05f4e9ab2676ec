"""How improbable a deviation is by the tail of those before it, of which four numbers a kind are kept."""

from dataclasses import dataclass, fields
from typing import Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

TAIL = 0.05
"""So large a share of the deviations lies beyond the threshold of its tail, in the long run."""

MEMORY = 2000
"""Tails follow about so many of the last points; until then all points count alike."""

LEAST = 96
"""The tail of fewer points says nothing."""

_HEAVIEST = 0.5
"""The shape at which the variance of a tail is infinite: moments estimate none beyond."""

_TINY = 1e-9
"""Stands for zero where something is divided by a shape or a spread."""


@dataclass(frozen=True, slots=True)
class Tails:
    """For each kind of deviation the threshold of its tail, mean and mean square of the excess, points seen.

    Source: peaks over threshold (Pickands 1975; in streams Siffer et al., KDD 2017) with the generalised
    Pareto distribution fitted by moments (Hosking and Wallis 1987); the threshold follows by stochastic
    approximation (Robbins and Monro 1951).
    """

    threshold: Floats
    excess: Floats
    square: Floats
    seen: Floats

    @classmethod
    def unknown(cls, kinds: int) -> Self:
        """Return tails that nothing is known of."""
        return cls(*np.zeros((4, kinds)))

    def surprise(self, deviations: Floats, floor: float) -> Floats:
        """Return -log10 of the probability of each deviation (kinds x points), 0 where it is not in the tail.

        `floor` is the least that the mean excess is taken for, in the unit of the deviations, and positive.
        What is NaN, and kinds of which too little was seen, surprise nobody.
        """
        mean = np.maximum(self.excess, floor)
        ratio = mean**2 / np.maximum(self.square - self.excess**2, _TINY * mean**2)
        shape = np.clip((1 - ratio) / 2, _TINY, _HEAVIEST)[:, None]
        beyond = (deviations - self.threshold[:, None]) / mean[:, None]
        in_tail = (beyond > 0) & (self.seen >= LEAST)[:, None]
        spreads = np.where(in_tail, beyond, 0.0) / (1 - shape)
        rarity = np.log1p(shape * spreads) / shape - np.log(TAIL)
        return np.where(in_tail, rarity / np.log(10), 0.0)

    def learn(self, deviations: Floats) -> Self:
        """Return the tails after these deviations (kinds x points); a kind with any NaN stays as it was."""
        points = deviations.shape[1]
        is_whole = ~np.isnan(deviations).any(axis=1)
        is_new = is_whole & (self.seen == 0)
        threshold = self.threshold.copy()
        if is_new.any():
            threshold[is_new] = np.quantile(deviations[is_new], 1 - TAIL, axis=1)
        seen = np.minimum(self.seen + points, MEMORY)
        over = np.maximum(deviations - threshold[:, None], 0.0)
        count = np.count_nonzero(over, axis=1)
        weight = np.minimum(count / (TAIL * seen), 1.0)
        # The density at the threshold is about TAIL / excess, which turns a share too many into a distance.
        step = np.where(is_new, 0.0, self.excess * (count / TAIL - points) / seen)
        after = (
            np.maximum(threshold + step, 0.0),
            self.excess + weight * (over.sum(axis=1) / np.maximum(count, 1) - self.excess),
            self.square + weight * ((over**2).sum(axis=1) / np.maximum(count, 1) - self.square),
            seen,
        )
        return type(self)(*np.where(is_whole, after, (self.threshold, self.excess, self.square, self.seen)))

    def state(self) -> dict[str, list[float]]:
        """Return all that is known, as JSON has it."""
        return {each.name: getattr(self, each.name).tolist() for each in fields(self)}

    @classmethod
    def restored(cls, state: dict[str, list[float]]) -> Self:
        """Return the tails that a state was taken of."""
        return cls(**{each.name: np.array(state[each.name], np.float64) for each in fields(cls)})
