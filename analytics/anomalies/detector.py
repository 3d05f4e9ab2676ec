"""A detector of anomalies in the series of a metric: each point is scored by what came before it alone."""

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analytics.anomalies.deviations import BLOCK, KINDS, PAST, SEASONAL, deviations
from analytics.anomalies.profile import Profile
from analytics.anomalies.tails import MEMORY, Floats, Tails

Places = NDArray[np.intp]

THRESHOLD = 0.5
"""A score from here on is an alarm: as large a deviation comes once in 10,000 points, by what was seen."""

HOLD = 100
"""So many points after an alarm raise no other, so that an incident is reported once."""

FLOOR = 0.001
"""The mean excess is taken for no less than this share of the values, however still the series is."""

_NINES = 8.0
"""The score is 1 from a probability of 1e-8 on, and goes with the logarithm of that."""

_MOST = 1e100
_LEAST = 1e-100
_BELOW = float(np.nextafter(THRESHOLD, 0))


class Detector:
    """Scores the points of one series, from 0 for what is usual to 1.

    Points are judged by themselves and by averages of several scales, against the points before and against
    what the time of day usually has, by how rarely that much came before. What is usual is learnt anew every
    `BLOCK` points; scores do not wait for that, and do not depend on how the points are cut into chunks.
    """

    def __init__(self, step_s: float) -> None:
        """Begin with nothing known; `step_s` is the usual distance of points. Raises: ValueError."""
        if not 0 < step_s < float("inf"):
            raise ValueError(f"a step of {step_s} s is none")
        self._step_s = step_s
        self._profile = Profile.unknown(step_s)
        self._tails = Tails.unknown(KINDS)
        self._past = np.zeros((2, 0))
        self._pending = np.zeros((2, 0))
        self._size = 0.0
        self._learned = 0
        self._alarm_at = -HOLD

    def update(self, timestamps: ArrayLike, values: ArrayLike) -> Floats:
        """Return the score of each value, as `judge` does."""
        return self.judge(timestamps, values)[0]

    def judge(self, timestamps: ArrayLike, values: ArrayLike) -> tuple[Floats, Places]:
        """Return the score of each value, and which of the kinds of deviation decided it.

        `timestamps` are seconds since 1970, in the order of arrival; the kinds are those of
        `deviations.NAMES`. What is no number, infinite or beyond 1e100 is unknown: it scores 0 and teaches
        nothing. Gaps, and timestamps that repeat or go back, are taken as they come. Raises: ValueError.
        """
        given = np.array([timestamps, values], np.float64).reshape(2, -1)
        known = np.flatnonzero(np.isfinite(given[0]) & (np.abs(given[1]) < _MOST))
        scores, kinds = np.zeros(given.shape[1]), np.zeros(given.shape[1], np.intp)
        if len(known):
            surprises = self._surprises(given[:, known])
            kinds[known] = surprises.argmax(axis=0)
            scores[known] = self._alarms_once(surprises.max(axis=0) / _NINES)
        return scores, kinds

    def _surprises(self, points: Floats) -> Floats:
        """Return -log10 of the probability of each point (kinds x points), and learn from whole blocks."""
        waiting = self._pending.shape[1]
        points = np.concatenate([self._pending, points], axis=1)
        if not self._past.shape[1]:
            self._past = np.array([np.full(PAST, points[1, 0]), np.zeros(PAST)])
        blocks = [points[:, at : at + BLOCK] for at in range(0, points.shape[1], BLOCK)]
        found = np.concatenate([self._block(*block) for block in blocks], axis=1)
        self._pending = points[:, found.shape[1] - found.shape[1] % BLOCK :]
        return found[:, waiting:]

    def _block(self, times: Floats, values: Floats) -> Floats:
        """Score a block; one that is not whole is filled up, so that the same is computed as when it is."""
        count = len(values)
        if count < BLOCK:
            times, values = (np.pad(each, (0, BLOCK - count), mode="edge") for each in (times, values))
        expected = self._profile.expected(times, otherwise=values)
        series = np.concatenate([self._past, [values, values - expected]], axis=1)
        found = deviations(*series)
        found[SEASONAL, ~self._profile.is_known(times)] = np.nan
        surprise = self._tails.surprise(found, max(FLOOR * self._size, _LEAST))
        if count == BLOCK:
            self._tails = self._tails.learn(found)
            self._profile = self._profile.learn(times, values)
            self._past = series[:, -PAST:]
            self._learned += BLOCK
            weight = BLOCK / min(self._learned, MEMORY)
            self._size += weight * (float(np.abs(values).mean()) - self._size)
        return surprise[:, :count]

    def _alarms_once(self, scores: Floats) -> Floats:
        """Keep scores under the threshold for a while after an alarm."""
        scores = np.minimum(scores, 1.0)
        seen = self._learned + self._pending.shape[1] - len(scores)
        for place in np.flatnonzero(scores >= THRESHOLD).tolist():
            if seen + place - self._alarm_at < HOLD:
                scores[place] = _BELOW
            else:
                self._alarm_at = seen + place
        return scores

    def state(self) -> dict[str, Any]:
        """Return all that is known of the series, as JSON has it (about 10 kB at five minutes)."""
        return {
            "step_s": self._step_s,
            "profile": self._profile.state(),
            "tails": self._tails.state(),
            "past": self._past.tolist(),
            "pending": self._pending.tolist(),
            "size": self._size,
            "learned": self._learned,
            "alarm_at": self._alarm_at,
        }

    @classmethod
    def restored(cls, state: dict[str, Any]) -> Self:
        """Return a detector that goes on as the one did that the state was taken of."""
        detector = cls(state["step_s"])
        detector._profile = Profile.restored(state["step_s"], state["profile"])
        detector._tails = Tails.restored(state["tails"])
        detector._past, detector._pending = (
            np.array(state[each], np.float64) for each in ("past", "pending")
        )
        detector._size, detector._learned = state["size"], state["learned"]
        detector._alarm_at = state["alarm_at"]
        return detector
