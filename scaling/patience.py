"""When a better size is worth a change: an event has its price, and who waits pays rent. Pure.

A group grows as soon as that is expected to save enough minutes above the limit within the forecast's reach.
It shrinks once what it could have saved since it was last right adds up to the price of a change, to the most
that was best in the last minutes: as who rents skis until the rent comes to the price buys them then, and
never pays more than twice what was necessary. What is nearly right costs little a minute, and is left alone
for long; what is twice too large goes within minutes.
Source: A. Karlin et al., Competitive snoopy caching (1988).
"""

from collections import deque

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


class Patience:
    """What groups could have saved since they were last right, and what was best for them lately."""

    def __init__(self, groups: int) -> None:
        self._saved, self._usual = np.zeros(groups), np.zeros(groups)
        self._minutes = 0
        self._lately: deque[Ints] = deque(maxlen=LATELY_MINUTES)

    def settle(self, here: Ints, best: Ints, gain: Floats, *, sizes: Floats, worth: Floats) -> Ints:
        """Return the places among the sizes to go to, or to stay at.

        `gain` is what going from `here` to `best` saves within the forecast's reach, in minutes above.
        """
        self._lately.append(best)
        lately, usual = np.max(self._lately, axis=0), self._learned(sizes[here])
        is_small, is_large = best > here, lately < here
        self._saved += np.where(is_large, (sizes[here] - sizes[lately]) / usual, 0.0)
        shrinks = is_large & (self._saved > SHRINK_PRICE + SHRINK_PRICE_MINUTES * worth / usual)
        self._saved[is_small | shrinks] = 0.0
        grows = is_small & (gain > GROWTH_GAIN)
        return np.where(grows, best, np.where(shrinks, lately, here))

    def _learned(self, units: Floats) -> Floats:
        """Return the units that each group usually has, the last day more than those before."""
        self._minutes += 1
        self._usual += max(_USUAL_RATE, 1 / self._minutes) * (units - self._usual)
        return self._usual
