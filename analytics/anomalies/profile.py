"""What a series usually has at a time of day, which its residuals are taken from."""

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from analytics.anomalies.tails import Floats

DAY_S = 86_400
LEAST_SLOT_S = 300
"""A day has no more than 288 slots, however many points it has."""

LATEST = 0.5
"""The last day makes half of what is expected, the one before a quarter, and so on."""


@dataclass(frozen=True, slots=True)
class Profile:
    """The weighted mean of each slot of the day (UTC), NaN where none was seen, and when the series began."""

    means: Floats
    slot_s: float
    weight: float
    began_s: float

    @classmethod
    def unknown(cls, step_s: float) -> Self:
        """Return the profile of a series with points so far apart, of which nothing is known."""
        slot_s = max(step_s, LEAST_SLOT_S)
        weight = 1 - (1 - LATEST) ** (step_s / slot_s)
        return cls(np.full(max(1, round(DAY_S / slot_s)), np.nan), slot_s, weight, np.inf)

    def expected(self, times_s: Floats, *, otherwise: Floats) -> Floats:
        """Return what is usual at these times, or what is handed in where that is not known."""
        means = self.means[self._slots(times_s)]
        return np.where(np.isnan(means), otherwise, means)

    def is_known(self, times_s: Floats) -> NDArray[np.bool_]:
        """Tell of which times a whole day has passed since the series began."""
        return times_s - self.began_s >= DAY_S

    def learn(self, times_s: Floats, values: Floats) -> Self:
        """Return the profile after these values."""
        slots = self._slots(times_s)
        counts = np.bincount(slots, minlength=len(self.means))
        means = np.bincount(slots, values, len(self.means)) / np.maximum(counts, 1)
        moved = self.means + (1 - (1 - self.weight) ** counts) * (means - self.means)
        fresh = np.where(counts > 0, means, np.nan)
        began_s = min(self.began_s, float(times_s[0]))
        return replace(self, means=np.where(np.isnan(self.means), fresh, moved), began_s=began_s)

    def state(self) -> dict[str, Any]:
        """Return what is known, as JSON has it."""
        began_s = self.began_s if np.isfinite(self.began_s) else None
        means = [None if np.isnan(each) else each for each in self.means.tolist()]
        return {"means": means, "began_s": began_s}

    @classmethod
    def restored(cls, step_s: float, state: dict[str, Any]) -> Self:
        """Return the profile that a state was taken of."""
        began_s = np.inf if state["began_s"] is None else state["began_s"]
        return replace(cls.unknown(step_s), means=np.array(state["means"], np.float64), began_s=began_s)

    def _slots(self, times_s: Floats) -> NDArray[np.intp]:
        return (times_s % DAY_S // self.slot_s).astype(np.intp) % len(self.means)
