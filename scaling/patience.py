"""When a better size is worth a change: an event has its price, and who waits pays rent. Pure.

A group grows as soon as that is expected to save enough minutes above the limit within the forecast's reach.
It shrinks once what it could have saved since it last changed adds up to the price of a change, to the most
that was best in the last minutes: as who rents skis until the rent comes to the price buys them then, and
never pays more than twice what was necessary. What is nearly right costs little a minute, and is left alone
for long; what is twice too large goes within minutes.
Source: A. Karlin et al., Competitive snoopy caching (1988).
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

GROWTH_GAIN = 0.45
"""Minutes above the limit that a growth has to save within the forecast's reach."""

SHRINK_PRICE, SHRINK_PRICE_MINUTES = 1.0, 0.3
"""What a shrink has to have saved: minutes of the whole usual group, and so many minutes' worth."""

LATELY_MINUTES = 5

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]
_USUAL_RATE = 1 - 0.5 ** (1 / (24 * 60))
_NOWHERE = -1


@dataclass(frozen=True, slots=True)
class Weighed:
    """Where groups are among the sizes, a row each, and where they should be.

    The rules ask for `least`, and `best` is not below it; `gain` are the minutes above the limit, or their
    `worth` in unit-minutes, that going there saves within the forecast's reach. Where nothing `is_foreseen`
    there is none.
    """

    sizes: Floats
    here: Ints
    best: Ints
    least: Ints
    gain: Floats
    worth: Floats
    is_foreseen: npt.NDArray[np.bool_]

    def row(self, i: int) -> Self:
        """Return one group alone."""
        one = slice(i, i + 1)
        return type(self)(
            self.sizes,
            self.here[one],
            self.best[one],
            self.least[one],
            self.gain[one],
            self.worth[one],
            self.is_foreseen[one],
        )


class Patience:
    """What groups could have saved since they changed, or had too little, and what was best lately."""

    def __init__(self, groups: int) -> None:
        self._rows = np.arange(groups)
        self._saved, self._usual, self._known = np.zeros(groups), np.zeros(groups), np.zeros(groups)
        self._here = np.full(groups, _NOWHERE)
        self._seen_at = np.full(groups, -np.inf)
        self._best = np.full((LATELY_MINUTES, groups), _NOWHERE)
        self._best_at = np.full((LATELY_MINUTES, groups), _NOWHERE)

    def settle(self, minute: float, found: Weighed, rows: Ints | None = None) -> Ints:
        """Return the places among the sizes to go to, or to stay at, of all groups or of some in order.

        The rules may ask for more; where nothing is foreseen they are followed down as well as up. To be
        asked about once a minute, or more often: what was not asked about for longer counts as a minute,
        and a clock that is set back as none.
        """
        rows = self._rows if rows is None else rows
        elapsed = np.clip(minute - self._seen_at[rows], 0.0, 1.0)
        self._seen_at[rows] = minute
        saved = np.where(found.here == self._here[rows], self._saved[rows], 0.0)
        self._here[rows] = found.here
        lately = self._lately(int(minute), found.best, rows)
        usual = self._learned(found.sizes[found.here], elapsed, rows)
        is_small, is_large = found.best > found.here, lately < found.here
        saved += np.where(is_large, elapsed * (found.sizes[found.here] - found.sizes[lately]) / usual, 0.0)
        self._saved[rows] = np.where(is_small, 0.0, saved)
        grows = is_small & (found.gain > GROWTH_GAIN)
        shrinks = is_large & (saved > SHRINK_PRICE + SHRINK_PRICE_MINUTES * found.worth / usual)
        places = np.where(grows, found.best, np.where(shrinks, lately, found.here))
        return np.where(found.is_foreseen, places, found.least)

    def _lately(self, minute: int, best: Ints, rows: Ints) -> Ints:
        """Return the most that was best in the last minutes, with this one."""
        place = minute % LATELY_MINUTES
        before = np.where(self._best_at[place, rows] == minute, self._best[place, rows], _NOWHERE)
        self._best[place, rows], self._best_at[place, rows] = np.maximum(before, best), minute
        is_recent = self._best_at[:, rows] > minute - LATELY_MINUTES
        return np.asarray(np.where(is_recent, self._best[:, rows], _NOWHERE).max(axis=0))

    def _learned(self, units: Floats, elapsed: Floats, rows: Ints) -> Floats:
        """Return the units that each group usually has, the last day more than those before."""
        self._known[rows] += elapsed
        rates = elapsed * np.maximum(_USUAL_RATE, 1 / self._known[rows])
        self._usual[rows] += rates * (units - self._usual[rows])
        return self._usual[rows]
